#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "common/buffer.hpp"
#include "gpu/ladder.hpp"
#include "gpu/models.hpp"
#include "gpu/operations.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {

namespace {

/// The GPUs for the machine's description. What a device does not tell is null.
nlohmann::json describe_gpus() {
  auto all = nlohmann::json::array();
  if (!why_unavailable().empty()) return all;
  int driver = 0;
  int runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  const auto number_or_null = [](double value) {
    return value > 0 ? nlohmann::json(value) : nlohmann::json(nullptr);
  };
  const auto version = [](int code) { return fmt::format("{}.{}", code / 1000, code % 1000 / 10); };
  for (int number = 0; number < device_count(); ++number) {
    try {
      const Device device(number);
      const Properties& is = device.properties();
      const Telemetry telemetry(is.pci_bus_id);
      const auto power = telemetry.power_limit_w();
      const auto installed = telemetry.driver_version();
      all.push_back({
          {"device", device.name()},
          {"name", is.name},
          {"compute_capability", fmt::format("{}.{}", is.major, is.minor)},
          {"multiprocessors", is.multiprocessors},
          {"max_sm_mhz", number_or_null(is.clock_khz / 1e3)},
          {"max_memory_mhz", number_or_null(is.memory_clock_khz / 1e3)},
          {"memory_bytes", is.memory_bytes},
          {"memory_bus_bits", number_or_null(is.memory_bus_bits)},
          {"peak_gb_per_s", number_or_null(is.peak_bytes_per_s() / 1e9)},
          {"l2_bytes", is.l2_bytes},
          {"copy_engines", is.copy_engines},
          {"ecc", is.ecc},
          {"power_limit_w", power ? nlohmann::json(*power) : nlohmann::json(nullptr)},
          {"driver", installed ? nlohmann::json(*installed) : nlohmann::json(nullptr)},
          {"cuda_driver", version(driver)},
          {"cuda_runtime", version(runtime)},
      });
    } catch (const std::exception& error) {
      all.push_back({{"device", fmt::format("gpu{}", number)}, {"error", error.what()}});
    }
  }
  return all;
}

/// "gpu0+gpu1" -> 0, 1
std::vector<int> numbers_of(std::string_view devices) {
  std::vector<int> numbers;
  for (std::size_t begin = 0; begin < devices.size();) {
    const std::size_t end = std::min(devices.find('+', begin), devices.size());
    numbers.push_back(std::stoi(std::string(devices.substr(begin + 3, end - begin - 3))));
    begin = end + 1;
  }
  return numbers;
}

/// 1, 2, 4, ... and `all`.
std::vector<int> doubling_counts(int all) {
  std::vector<int> counts;
  for (int count = 1; count < all; count *= 2) counts.push_back(count);
  counts.push_back(all);
  return counts;
}

class Cuda final : public Model {
 public:
  std::string_view name() const override { return "cuda"; }
  std::string unavailable() const override { return why_unavailable(); }
  std::vector<Variant> variants(const Workload& workload, ElementType type) const override {
    return ladder(workload, type);
  }
  std::vector<std::pair<std::string, std::vector<int>>> workers(
      const Sweeps& sweeps) const override;
  std::uint64_t host_bytes(const Configuration& configuration) const override;
  std::unique_ptr<Operation> prepare(const Configuration& configuration,
                                     const Placement& placement) override;
  std::vector<std::string_view> columns() const override { return observed_columns(); }
  std::vector<std::pair<std::string, std::string>> facts() const override;
  nlohmann::json hardware() const override { return {{"gpus", describe_gpus()}}; }

 private:
  Gpu& gpu(int number);

  std::map<int, std::unique_ptr<Gpu>> gpus_;
  std::map<int, std::string> lost_;  // why a GPU could not be opened
  ChunkSizes chunks_;
};

std::vector<std::pair<std::string, std::vector<int>>> Cuda::workers(const Sweeps& sweeps) const {
  const int count = device_count();
  std::vector<int> numbers = sweeps.devices;
  if (numbers.empty()) {
    for (int number = 0; number < count; ++number) numbers.push_back(number);
  }
  std::vector<std::pair<std::string, std::vector<int>>> all;
  std::vector<std::string> names;
  int together = 0;
  for (const int number : numbers) {
    if (number < 0 || number >= count) {
      throw std::invalid_argument(fmt::format(
          "--device: there is no device {}; this machine has "
          "{}",
          number, count == 1 ? std::string("device 0 only") : fmt::format("0 to {}", count - 1)));
    }
    const Device device(number);
    const int multiprocessors = device.properties().multiprocessors;
    together += multiprocessors;
    names.push_back(device.name());
    std::vector<int> counts{multiprocessors};
    if (sweeps.sms && sweeps.sms->empty()) {
      counts = doubling_counts(multiprocessors);
    } else if (sweeps.sms) {
      counts = *sweeps.sms;
      if (const int most = *std::max_element(counts.begin(), counts.end());
          most > multiprocessors) {
        throw std::invalid_argument(fmt::format("--sms: {} are more than {}'s {} multiprocessors",
                                                most, device.name(), multiprocessors));
      }
    }
    all.emplace_back(device.name(), counts);
  }
  if (names.size() > 1) {
    all.emplace_back(fmt::format("{}", fmt::join(names, "+")), std::vector{together});
  }
  return all;
}

std::uint64_t Cuda::host_bytes(const Configuration& configuration) const {
  if (!configuration.workload->moves_data()) return 0;
  // `offload` starts and ends there; to verify `double`, all of the result comes back.
  if (configuration.scope != Scope::offload && configuration.workload->name == "reduce") return 0;
  return Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
}

Gpu& Cuda::gpu(int number) {
  if (const auto why = lost_.find(number); why != lost_.end()) {
    throw std::runtime_error(why->second);
  }
  std::unique_ptr<Gpu>& opened = gpus_[number];
  if (opened == nullptr) {
    try {
      opened = std::make_unique<Gpu>(number);
    } catch (const Unavailable&) {
      throw;
    } catch (const std::runtime_error& error) {
      lost_[number] = error.what();
      throw;
    }
  }
  opened->device.require_alive();
  return *opened;
}

std::unique_ptr<Operation> Cuda::prepare(const Configuration& configuration,
                                         const Placement& placement) {
  std::vector<Gpu*> gpus;
  for (const int number : numbers_of(configuration.device)) gpus.push_back(&gpu(number));
  if (!configuration.workload->moves_data()) {
    if (gpus.size() > 1)
      throw Unavailable("what parallelism costs is measured on one GPU at a time");
    return make_cost_operation(configuration, *gpus.front());
  }
  if (configuration.scope == Scope::offload) {
    if (gpus.size() > 1) throw Unavailable("offload is measured on one GPU at a time");
    if (configuration.workers != gpus.front()->device.properties().multiprocessors) {
      throw Unavailable("offload uses all multiprocessors: the link is its limit");
    }
    return make_offload_operation(configuration, placement.allowed, *gpus.front(), chunks_);
  }
  return make_device_operation(configuration, placement.allowed, std::move(gpus));
}

std::vector<std::pair<std::string, std::string>> Cuda::facts() const {
  std::vector<std::pair<std::string, std::string>> all{
      {"waiting", "the host thread polls in cudaStreamSynchronize (cudaDeviceScheduleSpin)"},
      {"libraries", library_versions()},
      {"some multiprocessors",
       "one block on each, kept apart by its shared memory and checked by the multiprocessor's id"},
  };
  if (!why_unavailable().empty()) return all;
  for (int number = 0; number < device_count(); ++number) {
    const Device device(number);
    // Whether the build has code for bulk copies is known once the device is opened.
    const bool bulk = device.properties().major >= 9;
    for (const Workload& workload : workloads()) {
      if (!workload.moves_data()) continue;
      all.emplace_back(fmt::format("best {} on {}", workload.name, device.name()),
                       best_rule(workload, device.properties().multiprocessors, bulk));
    }
  }
  return all;
}

}  // namespace

std::unique_ptr<Model> make_cuda() { return std::make_unique<Cuda>(); }

}  // namespace crossover::gpu
