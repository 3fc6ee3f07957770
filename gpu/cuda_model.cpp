#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "common/buffer.hpp"
#include "common/forms.hpp"
#include "gpu/costs/costs.hpp"
#include "gpu/ladder.hpp"
#include "gpu/libraries.hpp"
#include "gpu/models.hpp"
#include "gpu/operations.hpp"

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
  for (int number = 0; number < device_count(); ++number) {
    try {
      const Device device(number);
      const Properties& is = device.properties();
      const Telemetry telemetry(is.pci_bus_id);
      const auto power = telemetry.power_limit_w();
      const auto link = telemetry.link();
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
          {"peak_gflops",
           {{"f32", number_or_null(is.peak_flops_f32() / 1e9)},
            {"f64", number_or_null(is.peak_flops_f64() / 1e9)}}},
          {"l2_bytes", is.l2_bytes},
          {"copy_engines", is.copy_engines},
          {"ecc", is.ecc},
          {"power_limit_w", power ? nlohmann::json(*power) : nlohmann::json(nullptr)},
          {"link", link ? nlohmann::json(link->name()) : nlohmann::json(nullptr)},
          {"link_gb_per_s", number_or_null(link ? link->bytes_per_s() / 1e9 : 0)},
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

/// The host memory that an array takes.
std::uint64_t array_bytes(const Configuration& configuration) {
  return Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
}

class Cuda final : public Model {
 public:
  Cuda() {
    for (const Workload& workload : workloads()) {
      if (workload.array_index >= 0) offer_arrays(workload);
    }
    offer_cost(costs::count(), count_variants());
    offer_cost(costs::create(), create_variants());
    offer_cost(costs::link(), link_variants());
  }

  std::string_view name() const override { return "cuda"; }
  std::string unavailable() const override { return why_unavailable(); }
  const std::vector<Offer>& offers() const override { return offers_; }
  std::vector<Column> columns() const override { return observed_columns(); }
  nlohmann::json hardware() const override { return {{"gpus", describe_gpus()}}; }

  void open(const Devices& devices) override {
    for (const int number : devices.gpu_numbers()) {
      try {
        gpu(number);
      } catch (const std::exception&) {
        // As every sample on it will say.
      }
    }
  }

  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const override {
    const int count = device_count();
    std::vector<int> numbers = sweeps.devices;
    if (numbers.empty()) {
      for (int number = 0; number < count; ++number) numbers.push_back(number);
    }
    std::vector<std::pair<Devices, std::vector<int>>> all;
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
      std::vector<int> counts{multiprocessors};
      if (sweeps.sms && sweeps.sms->empty()) {
        // 1, 2, 4, ... and all.
        for (int some = 1; some < multiprocessors; some *= 2) counts.insert(counts.end() - 1, some);
      } else if (sweeps.sms) {
        counts = *sweeps.sms;
        if (const int most = *std::max_element(counts.begin(), counts.end());
            most > multiprocessors) {
          throw std::invalid_argument(fmt::format("--sms: {} are more than {}'s {} multiprocessors",
                                                  most, device.name(), multiprocessors));
        }
      }
      all.emplace_back(Devices::gpus({number}), counts);
    }
    if (numbers.size() > 1) all.emplace_back(Devices::gpus(numbers), std::vector{together});
    return all;
  }

  std::vector<std::pair<std::string, std::string>> facts() const override {
    std::vector<std::pair<std::string, std::string>> all{
        {"waiting", "the host thread polls in cudaStreamSynchronize (cudaDeviceScheduleSpin)"},
        {"libraries", library_versions()},
        {"some multiprocessors",
         "one block on each, kept apart by its shared memory and checked by the multiprocessor's "
         "id"},
    };
    if (!why_unavailable().empty()) return all;
    for (int number = 0; number < device_count(); ++number) {
      const Device device(number);
      // Whether the build has code for 9.0 is known once the device is opened.
      const Situation situation{0, device.properties().l2_bytes, device.properties().major >= 9,
                                true};
      for (const Workload& workload : workloads()) {
        if (workload.array_index < 0) continue;
        all.emplace_back(fmt::format("best {} on {}", workload.name, device.name()),
                         best_rule(workload, situation));
      }
    }
    return all;
  }

 private:
  void offer_arrays(const Workload& workload) {
    for (const Rung& rung : ladder(workload)) {
      offers_.push_back(
          {&workload,
           rung.variant,
           [this, rung](const Configuration& configuration, const Placement& placement) {
             return make_device_operation(
                 configuration, placement.allowed, gpus(configuration), rung,
                 rung.own_forms && placement.forms != nullptr ? placement.forms->own(configuration)
                                                              : std::string_view());
           },
           [](const Configuration& of) {
             return of.workload->is_sum ? 0 : std::min(array_bytes(of), kPieceBytes);
           },
           rung.types,
           {},
           nullptr,
           rung.own_forms});
    }
    using Role = Variant::Role;
    for (const auto& [name, role, transfer] :
         {std::tuple{"pageable", Role::step, Transfer::pageable},
          {"pinned", Role::step, Transfer::pinned},
          {"overlapped", Role::best, Transfer::overlapped}}) {
      offers_.push_back(
          {&workload,
           {name, role, {Scope::offload}},
           [this, transfer = transfer](const Configuration& configuration,
                                       const Placement& placement) {
             Gpu& on = only_gpu(configuration, "offload");
             if (configuration.workers != on.device.properties().multiprocessors) {
               throw Unavailable("offload uses all multiprocessors: the link is its limit");
             }
             return make_offload_operation(configuration, placement.allowed, on, transfer, chunks_);
           },
           [](const Configuration& of) {
             return array_bytes(of) * static_cast<std::uint64_t>(of.workload->arrays);
           }});
    }
  }

  void offer_cost(const Workload& workload, const std::vector<CostVariant>& variants) {
    for (const CostVariant& cost : variants) {
      offers_.push_back(
          {&workload, cost.variant,
           [this, cost](const Configuration& configuration, const Placement& placement) {
             return cost.make(configuration, placement.allowed,
                              only_gpu(configuration, configuration.workload->name));
           },
           [arrays = static_cast<std::uint64_t>(cost.host_arrays)](
               const Configuration& of) -> std::uint64_t {
             return arrays == 0 ? 0 : arrays * Buffer::mapped_bytes(of.elements);
           }});
    }
  }

  Gpu& gpu(int number) {
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

  std::vector<Gpu*> gpus(const Configuration& configuration) {
    std::vector<Gpu*> all;
    for (const int number : configuration.device.gpu_numbers()) all.push_back(&gpu(number));
    if (all.empty()) throw std::invalid_argument("cuda runs on GPUs");
    return all;
  }

  /// That of what is measured on one GPU at a time.
  Gpu& only_gpu(const Configuration& configuration, std::string_view what) {
    const std::vector<Gpu*> all = gpus(configuration);
    if (all.size() > 1) throw Unavailable(fmt::format("{}: measured on one GPU at a time", what));
    return *all.front();
  }

  std::vector<Offer> offers_;
  std::map<int, std::unique_ptr<Gpu>> gpus_;
  std::map<int, std::string> lost_;  // why a GPU could not be opened
  ChunkSizes chunks_;
};

}  // namespace

std::unique_ptr<Model> make_cuda() { return std::make_unique<Cuda>(); }

}  // namespace crossover::gpu
