#include "gpu/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>

#include "common/doubling.hpp"
#include "gpu/device_operation.hpp"
#include "gpu/graph.hpp"

namespace crossover::gpu {

Gpu::Gpu(int number)
    : device(number),
      telemetry(device.properties().pci_bus_id),
      warm_up(device, [this] { return telemetry.sm_mhz().value_or(0); }),
      bulk(has_bulk(device)) {}

std::vector<std::string_view> observed_columns() {
  return {"gpu_sm_mhz",  "gpu_memory_mhz", "gpu_temperature_c",
          "gpu_power_w", "gpu_energy_j",   "gpu_throttle_reasons"};
}

Observer::Observer(std::vector<Gpu*> gpus) : gpus_(std::move(gpus)) {
  for (const Gpu* gpu : gpus_) before_.push_back(gpu->telemetry.read());
}

Observation Observer::observe() {
  std::optional<double> sm;
  std::optional<double> memory;
  std::optional<double> temperature;
  std::optional<double> power;
  std::optional<double> energy;
  std::optional<std::uint64_t> reasons;
  const auto merge = [](auto& into, const auto& value, auto&& how) {
    if (value) into = into ? how(*into, *value) : *value;
  };
  const auto least = [](double a, double b) { return std::min(a, b); };
  const auto most = [](double a, double b) { return std::max(a, b); };
  const auto total = [](double a, double b) { return a + b; };
  for (std::size_t i = 0; i < gpus_.size(); ++i) {
    const Reading now = gpus_[i]->telemetry.read();
    merge(sm, now.sm_mhz, least);
    merge(memory, now.memory_mhz, least);
    merge(temperature, now.temperature_c, most);
    merge(power, now.power_w, total);
    if (now.energy_j && before_[i].energy_j) {
      merge(energy, std::optional(*now.energy_j - *before_[i].energy_j), total);
    }
    merge(reasons, now.throttle_reasons, [](std::uint64_t a, std::uint64_t b) { return a | b; });
    before_[i] = now;
  }
  Observation seen;
  if (reasons) seen.disturbed = throttled(*reasons);
  const auto add = [&](std::string_view column, const auto& value) {
    if (value) seen.values.emplace_back(column, static_cast<double>(*value));
  };
  add("gpu_sm_mhz", sm);
  add("gpu_memory_mhz", memory);
  add("gpu_temperature_c", temperature);
  add("gpu_power_w", power);
  add("gpu_energy_j", energy);
  add("gpu_throttle_reasons", reasons);
  return seen;
}

void require_room(const Gpu& gpu, std::uint64_t bytes) {
  // Partial sums, CUB's storage and the allocator's granularity come on top.
  constexpr std::uint64_t kBeside = std::uint64_t{16} << 20;
  const std::uint64_t free = gpu.device.free_bytes();
  if (bytes + kBeside <= free) return;
  throw Unavailable(fmt::format("{}: needs {:.1f} MiB of device memory, {:.1f} MiB are free",
                                gpu.device.name(), static_cast<double>(bytes + kBeside) / 0x1p20,
                                static_cast<double>(free) / 0x1p20));
}

namespace {

template <class T>
class DoubleOperation final : public DeviceOperation<T, Work> {
 public:
  DoubleOperation(const Configuration& configuration, std::vector<int> cpus, std::vector<Gpu*> gpus)
      : DeviceOperation<T, Work>(configuration, configuration.elements, std::move(cpus),
                                 std::move(gpus)) {
    fill(0);
    this->make_work([this](Share<T, Work>& share) -> std::unique_ptr<Work> {
      const Device& device = share.gpu->device;
      if (this->is_library()) {
        this->require_all_multiprocessors();
        return make_library_double<T>(device, this->configuration_.variant, share.data.data(),
                                      share.slice.size);
      }
      auto work = make_double<T>(device, this->step(share), share.data.data(), share.slice.size,
                                 this->limit_);
      if (this->configuration_.variant != "graph") return work;
      this->require_all_multiprocessors();
      return make_graph(share.stream, std::move(work));
    });
  }

  void renew(std::uint32_t salt) override {
    salt_ = salt;
    doublings_ = 0;
    fill(salt);
    this->warm_up();
  }
  std::int64_t operations_left() const override {
    return doubling::operations_per_input<T>() - doublings_;
  }
  Verdict verify() override {
    const Array<T> copy(this->configuration_.elements);
    this->each_share([&](Share<T, Work>& share) {
      share.gpu->device.check(
          cudaMemcpyAsync(copy.all().data() + share.slice.first, share.data.data(),
                          share.slice.size * sizeof(T), cudaMemcpyDeviceToHost, share.stream.get()),
          "copying the result back");
    });
    this->wait();
    return doubling::verify<T>(copy.all(), salt_, doublings_, this->cpus_);
  }

 private:
  void before(std::int64_t operations) override { doublings_ += operations; }
  void fill(std::uint32_t salt) {
    this->each_share([salt](Share<T, Work>& share) {
      share.gpu->device.select();
      fill_double<T>(share.stream, share.data.data(), share.slice.first, share.slice.size, salt);
    });
    this->wait();
  }
  std::uint32_t salt_ = 0;
  std::int64_t doublings_ = 0;
};

template <class T>
class SumOperation final : public DeviceOperation<T, SumWork<T>> {
 public:
  SumOperation(const Configuration& configuration, std::vector<int> cpus, std::vector<Gpu*> gpus)
      : DeviceOperation<T, SumWork<T>>(configuration, configuration.elements, std::move(cpus),
                                       std::move(gpus)) {
    fill(0);
    this->make_work([this](Share<T, SumWork<T>>& share) -> std::unique_ptr<SumWork<T>> {
      const Device& device = share.gpu->device;
      if (this->is_library()) {
        this->require_all_multiprocessors();
        return make_library_sum<T>(device, this->configuration_.variant, share.data.data(),
                                   share.slice.size);
      }
      auto work =
          make_sum<T>(device, this->step(share), share.data.data(), share.slice.size, this->limit_);
      if (this->configuration_.variant != "graph") return work;
      this->require_all_multiprocessors();
      return make_graph<T>(share.stream, std::move(work));
    });
  }

  void renew(std::uint32_t salt) override {
    salt_ = salt;
    fill(salt);
    this->warm_up();
  }
  Verdict verify() override {
    reduction::Rounding rounding;
    for (const auto& share : this->shares_) {
      const reduction::Rounding one = share->work->rounding();
      rounding = {std::max(rounding.chain, one.chain), std::max(rounding.span, one.span)};
    }
    return reduction::verify<T>(sum_, this->configuration_.elements, salt_, rounding, this->cpus_);
  }

 private:
  void before(std::int64_t) override {
    for (const auto& share : this->shares_) share->work->poison();
  }
  void collect() override {
    using Total = TotalWord;
    Total total{};
    for (const auto& share : this->shares_) total += static_cast<Total>(share->work->sum());
    sum_ = static_cast<SumOf<T>>(total);
  }
  void fill(std::uint32_t salt) {
    this->each_share([salt](Share<T, SumWork<T>>& share) {
      share.gpu->device.select();
      fill_sum<T>(share.stream, share.data.data(), share.slice.first, share.slice.size, salt);
    });
    this->wait();
  }
  // Integers wrap, which only unsigned ones may.
  using TotalWord = std::conditional_t<std::is_floating_point_v<T>, double, BitsOf<T>>;
  std::uint32_t salt_ = 0;
  SumOf<T> sum_{};
};

}  // namespace

std::unique_ptr<Operation> make_device_operation(const Configuration& configuration,
                                                 const std::vector<int>& cpus,
                                                 std::vector<Gpu*> gpus) {
  return with_type(configuration.type,
                   [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Operation> {
                     if (configuration.workload->name == "double") {
                       return std::make_unique<DoubleOperation<T>>(configuration, cpus, gpus);
                     }
                     return std::make_unique<SumOperation<T>>(configuration, cpus, gpus);
                   });
}

}  // namespace crossover::gpu
