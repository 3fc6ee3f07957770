#include "gpu/telemetry.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <utility>
#include <vector>

#ifndef CROSSOVER_NVML
#define CROSSOVER_NVML "libnvidia-ml.so.1"
#endif

namespace crossover::gpu {

const char* const kNvml = CROSSOVER_NVML;

namespace {

// From nvml.h.
constexpr unsigned kClockSm = 1;
constexpr unsigned kClockMemory = 2;
constexpr unsigned kTemperatureGpu = 0;

constexpr std::array<std::pair<std::uint64_t, const char*>, 5> kReasons{{
    {0x04, "power cap"},
    {0x08, "hardware slowdown"},
    {0x20, "thermal slowdown by software"},
    {0x40, "thermal slowdown by hardware"},
    {0x80, "power brake by hardware"},
}};

/// Whether a function of NVML's C interface is there and succeeds: 0.
template <class... Arguments>
bool call(void* library, const char* function, Arguments... arguments) {
  const auto found = reinterpret_cast<int (*)(Arguments...)>(dlsym(library, function));
  return found != nullptr && found(arguments...) == 0;
}

/// What a function tells of a device; some want to know of which kind.
template <class Value, class... Kind>
std::optional<Value> ask(void* library, const char* function, void* device, Kind... kind) {
  Value value{};
  if (device == nullptr || !call(library, function, device, kind..., &value)) return std::nullopt;
  return value;
}

/// Billions of transfers a second on a lane, and the share of them that are data, by generation.
constexpr std::array<std::pair<double, double>, 6> kLanes{{
    {2.5, 8.0 / 10},
    {5, 8.0 / 10},
    {8, 128.0 / 130},
    {16, 128.0 / 130},
    {32, 128.0 / 130},
    {64, 242.0 / 256},
}};

std::optional<double> scaled(std::optional<double> value, double factor) {
  if (value) *value *= factor;
  return value;
}

}  // namespace

std::string Link::name() const { return fmt::format("PCIe {}.0 x{}", generation, lanes); }

double Link::bytes_per_s() const {
  if (generation < 1 || generation > kLanes.size()) return 0;
  const auto& [transfers, data] = kLanes[generation - 1];
  return transfers * 1e9 / 8 * data * lanes;
}

std::string throttled(std::uint64_t reasons) {
  std::vector<std::string> words;
  for (const auto& [bit, text] : kReasons) {
    if ((reasons & bit) != 0) words.emplace_back(text);
  }
  return words.empty() ? std::string{}
                       : fmt::format("GPU clock throttled: {}", fmt::join(words, ", "));
}

Telemetry::Telemetry(const std::string& pci_bus_id, const std::string& library)
    : library_(dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL)) {
  if (library_ == nullptr) return;
  if (!call(library_, "nvmlInit_v2")) {
    dlclose(std::exchange(library_, nullptr));
    return;
  }
  // A MIG device has the bus id of its GPU, whose clocks and power are what there is to tell.
  if (!call(library_, "nvmlDeviceGetHandleByPciBusId_v2", pci_bus_id.c_str(), &device_)) {
    device_ = nullptr;
  }
}

Telemetry::~Telemetry() {
  if (library_ == nullptr) return;
  call(library_, "nvmlShutdown");
  dlclose(library_);
}

std::optional<double> Telemetry::sm_mhz() const {
  return ask<unsigned>(library_, "nvmlDeviceGetClockInfo", device_, kClockSm);
}

Reading Telemetry::read() const {
  using Bits = unsigned long long;
  Reading reading;
  reading.sm_mhz = sm_mhz();
  reading.memory_mhz = ask<unsigned>(library_, "nvmlDeviceGetClockInfo", device_, kClockMemory);
  reading.temperature_c =
      ask<unsigned>(library_, "nvmlDeviceGetTemperature", device_, kTemperatureGpu);
  reading.power_w = scaled(ask<unsigned>(library_, "nvmlDeviceGetPowerUsage", device_), 1e-3);
  reading.energy_j =
      scaled(ask<Bits>(library_, "nvmlDeviceGetTotalEnergyConsumption", device_), 1e-3);
  // By its newer name first: "throttle" became "event" with driver 535.
  reading.throttle_reasons = ask<Bits>(library_, "nvmlDeviceGetCurrentClocksEventReasons", device_);
  if (!reading.throttle_reasons) {
    reading.throttle_reasons =
        ask<Bits>(library_, "nvmlDeviceGetCurrentClocksThrottleReasons", device_);
  }
  return reading;
}

std::optional<double> Telemetry::power_limit_w() const {
  return scaled(ask<unsigned>(library_, "nvmlDeviceGetEnforcedPowerLimit", device_), 1e-3);
}

std::optional<std::string> Telemetry::driver_version() const {
  std::array<char, 96> text{};
  if (library_ == nullptr || !call(library_, "nvmlSystemGetDriverVersion", text.data(),
                                   static_cast<unsigned>(text.size()))) {
    return std::nullopt;
  }
  return text.data();
}

std::optional<Link> Telemetry::link() const {
  const auto generation = ask<unsigned>(library_, "nvmlDeviceGetMaxPcieLinkGeneration", device_);
  const auto lanes = ask<unsigned>(library_, "nvmlDeviceGetMaxPcieLinkWidth", device_);
  if (generation.value_or(0) == 0 || lanes.value_or(0) == 0) return std::nullopt;
  return Link{*generation, *lanes};
}

}  // namespace crossover::gpu
