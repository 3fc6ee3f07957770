#include "gpu/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "gpu/device_operation.hpp"

namespace crossover::gpu {

Gpu::Gpu(int number)
    : device(number),
      telemetry(device.properties().pci_bus_id),
      warm_up(device, [this] { return telemetry.sm_mhz().value_or(0); }) {}

namespace {

constexpr std::string_view kGroup = "telemetry";
constexpr Column kReasonsColumn{"gpu_throttle_reasons", "", kGroup,
                                "why clocks were lowered: NVML's bits, of all GPUs"};

using Maybe = std::optional<double>;  // empty: not told
constexpr auto kLeast = [](Maybe a, Maybe b) { return a && b ? std::min(a, b) : std::max(a, b); };
constexpr auto kMost = [](Maybe a, Maybe b) { return std::max(a, b); };
/// Of all GPUs together, unless one does not tell.
constexpr auto kTotal = [](Maybe a, Maybe b) { return a && b ? Maybe(*a + *b) : std::nullopt; };

/// Which value of a GPU, of two of them, and its column.
struct Told {
  Maybe Reading::*value;
  Maybe (*merge)(Maybe, Maybe);
  std::string_view name, unit, meaning;
};
constexpr Told kTold[]{
    {&Reading::sm_mhz, kLeast, "gpu_sm_mhz", "MHz",
     "lowest clock of the multiprocessors, before or after the sample"},
    {&Reading::memory_mhz, kLeast, "gpu_memory_mhz", "MHz", "lowest clock of the memory"},
    {&Reading::temperature_c, kMost, "gpu_temperature_c", "°C", "highest temperature of a GPU"},
    {&Reading::power_w, kTotal, "gpu_power_w", "W",
     "power of the GPUs together, as the driver averages it"},
    {&Reading::energy_j, kTotal, "gpu_energy_j", "J",
     "energy of the GPUs together during the sample"},
};

}  // namespace

std::vector<Column> observed_columns() {
  std::vector<Column> columns;
  for (const Told& is : kTold) columns.push_back({is.name, is.unit, kGroup, is.meaning});
  columns.push_back(kReasonsColumn);
  return columns;
}

GpuOperation::GpuOperation(const Configuration& configuration, std::vector<Gpu*> gpus)
    : configuration_(configuration), gpus_(std::move(gpus)) {
  for (const Gpu* gpu : gpus_) before_.push_back(gpu->telemetry.read());
}

void GpuOperation::renew(std::uint32_t salt) {
  salt_ = salt;
  done_ = 0;
  gpus_.front()->device.select();
  write_input();
  for (Gpu* gpu : gpus_) gpu->warm_up.run();
}

Nanoseconds GpuOperation::time(std::int64_t operations) {
  gpus_.front()->device.select();
  const Nanoseconds taken = clocked(operations);
  done_ += operations;
  for (Gpu* gpu : gpus_) gpu->warm_up.worked();
  return taken;
}

Observation GpuOperation::observe() {
  std::vector<Reading> since;
  std::optional<std::uint64_t> reasons;
  for (std::size_t i = 0; i < gpus_.size(); ++i) {
    const Reading before = std::exchange(before_[i], gpus_[i]->telemetry.read());
    Reading& now = since.emplace_back(before_[i]);
    if (now.throttle_reasons) reasons = reasons.value_or(0) | *now.throttle_reasons;
    if (now.energy_j)
      now.energy_j = before.energy_j ? Maybe(*now.energy_j - *before.energy_j) : std::nullopt;
  }
  Observation seen;
  for (const Told& is : kTold) {
    Maybe merged = since.front().*is.value;
    for (std::size_t i = 1; i < since.size(); ++i) merged = is.merge(merged, since[i].*is.value);
    if (merged) seen.values.emplace_back(is.name, *merged);
  }
  if (reasons) {
    seen.disturbed = throttled(*reasons);
    seen.values.emplace_back(kReasonsColumn.name, static_cast<double>(*reasons));
  }
  return seen;
}

DeviceArray<std::byte> allocate(const Gpu& gpu, std::uint64_t bytes) {
  // Partial sums, CUB's storage and the allocator's granularity come on top.
  constexpr std::uint64_t kBeside = std::uint64_t{16} << 20;
  const std::uint64_t free = gpu.device.free_bytes();
  if (bytes + kBeside <= free) return {gpu.device, bytes};
  throw Unavailable(fmt::format("{}: needs {:.1f} MiB of device memory, {:.1f} MiB are free",
                                gpu.device.name(), static_cast<double>(bytes + kBeside) / 0x1p20,
                                static_cast<double>(free) / 0x1p20));
}

namespace {

/// Sets of arrays on each GPU. For cold caches enough of them that a set has left the second-level
/// cache when its turn comes again: together four times as large. That is fair: an operation does
/// the same on a set whose data is in memory alone, nothing but the arrays is pushed out (neither
/// code nor partial sums), the clock contains no flush, and the operations follow one another as
/// closely as with warm caches.
std::uint64_t sets_of(const Configuration& configuration, const Gpu& gpu, std::uint64_t set_bytes) {
  if (configuration.cache == Cache::warm) return 1;
  const std::uint64_t enough = 4 * gpu.device.properties().l2_bytes;
  return std::max<std::uint64_t>(2, (enough + set_bytes - 1) / set_bytes);
}

class ArrayOperation final : public DeviceOperation {
 public:
  ArrayOperation(const Configuration& configuration, std::vector<int> cpus,
                 const std::vector<Gpu*>& gpus, const Rung& rung, std::string_view form)
      : DeviceOperation(configuration, gpus, configuration.elements, size_of(configuration.type),
                        rung.variant.swept),
        workload_(*configuration.workload),
        has_own_forms_(rung.own_forms),
        cpus_(std::move(cpus)),
        reference_(make_reference(workload_, configuration.type)) {
    const auto arrays = static_cast<std::uint64_t>(workload_.arrays);
    // The same number everywhere: operation number i is on set i modulo it on every GPU.
    for (const auto& share : shares_) {
      sets_ = std::max(sets_, sets_of(configuration, share->gpu, arrays * stride_of(*share)));
    }
    for (const auto& share : shares_) {
      share->memory = allocate(share->gpu, arrays * sets_ * stride_of(*share));
    }
    sums_.resize(workload_.is_sum ? sets_ : 0);
    write_input();
    make_work([&](Share& share) {
      return form.empty() ? rung.make(target_of(share)) : by_name(form, target_of(share));
    });
  }

  std::vector<std::string> own_forms() const override {
    std::vector<std::string> names;
    if (!has_own_forms_) return names;
    const Target target = target_of(*shares_.front());
    for (const Form& one : candidates(workload_, situation_of(target))) {
      names.push_back(crossover::gpu::name(one));
    }
    return names;
  }
  void take_form(std::string_view form) override {
    make_work([&](Share& share) { return by_name(form, target_of(share)); });
  }

  std::int64_t operations_left() const override {
    const auto sets = static_cast<std::int64_t>(sets_);
    const std::int64_t one = reference_->operations_per_input();
    return one > kUnlimited / sets ? kUnlimited : one * sets - done_;
  }
  /// Of all sets that have had an operation.
  Verdict verify() override {
    const std::uint64_t used =
        std::clamp<std::uint64_t>(static_cast<std::uint64_t>(done_), 1, sets_);
    return workload_.is_sum ? verify_sums(used) : verify_maps(used);
  }

 private:
  std::uint64_t stride_of(const Share& share) const {
    const std::uint64_t bytes = share.slice.size * size_of(configuration_.type);
    return std::max<std::uint64_t>((bytes + 255) / 256 * 256, 256);
  }
  Target target_of(const Share& share) const {
    Arrays arrays{{}, share.slice.size, sets_, stride_of(share)};
    for (std::size_t array = 0; array < static_cast<std::size_t>(workload_.arrays); ++array) {
      arrays.first[array] = share.memory.data() + array * sets_ * arrays.stride;
    }
    return {share.stream, workload_,   configuration_.type,
            arrays,       share.limit, configuration_.scope == Scope::kernel};
  }
  void write_input() override {
    each_share([&](Share& share) { fill(target_of(share), share.slice.first, salt_); });
    wait();
  }

  void collect(std::int64_t operation) override {
    if (!workload_.is_sum) return;
    const std::uint64_t set = static_cast<std::uint64_t>(operation) % sets_;
    const bool real =
        configuration_.type == ElementType::f32 || configuration_.type == ElementType::f64;
    Total total = shares_.front()->work.sum(set);
    for (std::size_t i = 1; i < shares_.size(); ++i) {
      const Total part = shares_[i]->work.sum(set);
      total = real ? Total{.real = total.real + part.real}
                   : Total{.integer = total.integer + part.integer};
    }
    sums_[set] = total;
  }

  Verdict verify_sums(std::uint64_t used) const {
    Rounding rounding;
    for (const auto& share : shares_) {
      const Rounding one = share->work.rounding;
      rounding = {std::max(rounding.chain, one.chain), std::max(rounding.span, one.span)};
    }
    Verdict all{0, true, {}};
    for (std::uint64_t set = 0; set < used && all.correct; ++set) {
      merge(all, reference_->verify_sum(sums_[set], configuration_.elements, salt_of(salt_, set),
                                        rounding, cpus_));
    }
    return all;
  }
  /// Piece by piece, through page-locked memory: new memory for all of a large result would take
  /// longer to come by than the copy.
  Verdict verify_maps(std::uint64_t used) {
    const std::uint64_t element_bytes = size_of(configuration_.type);
    const std::uint64_t most = std::min(kPieceBytes / element_bytes, configuration_.elements);
    const PinnedArray<std::byte> piece(shares_.front()->gpu.device, most * element_bytes);
    Verdict all{0, true, {}};
    each_share([&](Share& share) {
      const Target target = target_of(share);
      for (std::uint64_t set = 0; set < used; ++set) {
        const auto sets = static_cast<std::int64_t>(sets_);
        const std::int64_t operations =
            done_ / sets + (static_cast<std::int64_t>(set) < done_ % sets ? 1 : 0);
        std::uint64_t count = 0;
        for (std::uint64_t first = 0; first < share.slice.size && all.correct; first += count) {
          count = std::min(most, share.slice.size - first);
          share.gpu.device.check(
              cudaMemcpyAsync(piece.data(), target.arrays.at(0, set) + first * element_bytes,
                              count * element_bytes, cudaMemcpyDeviceToHost, share.stream.get()),
              "copying the result back");
          share.stream.synchronize();
          merge(all, reference_->verify_map(piece.data(), share.slice.first + first, count,
                                            salt_of(salt_, set), operations, cpus_));
        }
      }
    });
    return all;
  }
  static void merge(Verdict& all, const Verdict& one) {
    if (one.correct) {
      all.error = std::max(all.error, one.error);
    } else {
      all = one;
    }
  }

  const Workload& workload_;
  bool has_own_forms_;
  std::vector<int> cpus_;
  std::unique_ptr<Reference> reference_;
  std::uint64_t sets_ = 1;
  std::vector<Total> sums_;  ///< of each set's last operation
};

}  // namespace

std::unique_ptr<Operation> make_device_operation(const Configuration& configuration,
                                                 const std::vector<int>& cpus,
                                                 const std::vector<Gpu*>& gpus, const Rung& rung,
                                                 std::string_view form) {
  return std::make_unique<ArrayOperation>(configuration, cpus, gpus, rung, form);
}

}  // namespace crossover::gpu
