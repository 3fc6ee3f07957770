#include "gpu/telemetry.hpp"

#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>

#ifndef CROSSOVER_NVML
#define CROSSOVER_NVML "libnvidia-ml.so.1"
#endif

namespace crossover::gpu {

const char* const kNvml = CROSSOVER_NVML;

/// NVML's C interface, as far as it is used. Every function returns 0 for success. A function that
/// the installed library lacks stays null.
class Nvml {
 public:
  static std::unique_ptr<const Nvml> load(const std::string& path) {
    void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return nullptr;
    std::unique_ptr<Nvml> nvml(new Nvml(library));
    if (nvml->init == nullptr || nvml->init() != 0) return nullptr;
    nvml->initialized_ = true;
    return nvml;
  }
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;
  ~Nvml() {
    if (initialized_ && shutdown != nullptr) shutdown();
    dlclose(library_);
  }

  using Unsigned = int (*)(void*, unsigned*);
  using Clock = int (*)(void*, unsigned kind, unsigned*);
  using Wide = int (*)(void*, unsigned long long*);

  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*handle_by_pci)(const char*, void**) = nullptr;
  int (*driver_version)(char*, unsigned) = nullptr;
  Clock clock = nullptr;
  Clock temperature = nullptr;
  Unsigned power = nullptr;
  Unsigned power_limit = nullptr;
  Wide energy = nullptr;
  Wide throttle_reasons = nullptr;

 private:
  explicit Nvml(void* library) : library_(library) {
    find(init, "nvmlInit_v2");
    find(shutdown, "nvmlShutdown");
    find(handle_by_pci, "nvmlDeviceGetHandleByPciBusId_v2");
    find(driver_version, "nvmlSystemGetDriverVersion");
    find(clock, "nvmlDeviceGetClockInfo");
    find(temperature, "nvmlDeviceGetTemperature");
    find(power, "nvmlDeviceGetPowerUsage");
    find(power_limit, "nvmlDeviceGetEnforcedPowerLimit");
    find(energy, "nvmlDeviceGetTotalEnergyConsumption");
    // Its newer name first: "throttle" became "event" with driver 535.
    find(throttle_reasons, "nvmlDeviceGetCurrentClocksEventReasons");
    if (throttle_reasons == nullptr) {
      find(throttle_reasons, "nvmlDeviceGetCurrentClocksThrottleReasons");
    }
  }
  template <class Function>
  void find(Function& function, const char* symbol) {
    function = reinterpret_cast<Function>(dlsym(library_, symbol));
  }

  void* library_;
  bool initialized_ = false;
};

namespace {

// From nvml.h.
constexpr unsigned kClockSm = 1;
constexpr unsigned kClockMemory = 2;
constexpr unsigned kTemperatureGpu = 0;

struct Reason {
  std::uint64_t bit;
  const char* words;
};
constexpr std::array kReasons{
    Reason{0x04, "power cap"},
    Reason{0x08, "hardware slowdown"},
    Reason{0x20, "thermal slowdown by software"},
    Reason{0x40, "thermal slowdown by hardware"},
    Reason{0x80, "power brake by hardware"},
};

template <class Value, class Function, class... Arguments>
std::optional<Value> ask(Function function, void* device, Arguments... arguments) {
  Value value{};
  if (function == nullptr || device == nullptr || function(device, arguments..., &value) != 0) {
    return std::nullopt;
  }
  return value;
}

std::optional<double> scaled(std::optional<double> value, double factor) {
  if (value) *value *= factor;
  return value;
}

}  // namespace

std::string throttled(std::uint64_t reasons) {
  std::vector<std::string> words;
  for (const auto& [bit, text] : kReasons) {
    if ((reasons & bit) != 0) words.emplace_back(text);
  }
  return words.empty() ? std::string{}
                       : fmt::format("GPU clock throttled: {}", fmt::join(words, ", "));
}

Telemetry::Telemetry(const std::string& pci_bus_id, const std::string& library)
    : nvml_(Nvml::load(library)) {
  if (nvml_ == nullptr || nvml_->handle_by_pci == nullptr) return;
  // A MIG device has the bus id of its GPU, whose clocks and power are what there is to tell.
  if (nvml_->handle_by_pci(pci_bus_id.c_str(), &device_) != 0) device_ = nullptr;
}

Telemetry::~Telemetry() = default;

std::optional<double> Telemetry::sm_mhz() const {
  if (nvml_ == nullptr) return std::nullopt;
  return ask<unsigned>(nvml_->clock, device_, kClockSm);
}

Reading Telemetry::read() const {
  if (nvml_ == nullptr) return {};
  Reading reading;
  reading.sm_mhz = sm_mhz();
  reading.memory_mhz = ask<unsigned>(nvml_->clock, device_, kClockMemory);
  reading.temperature_c = ask<unsigned>(nvml_->temperature, device_, kTemperatureGpu);
  reading.power_w = scaled(ask<unsigned>(nvml_->power, device_), 1e-3);
  reading.energy_j = scaled(ask<unsigned long long>(nvml_->energy, device_), 1e-3);
  reading.throttle_reasons = ask<unsigned long long>(nvml_->throttle_reasons, device_);
  return reading;
}

std::optional<double> Telemetry::power_limit_w() const {
  if (nvml_ == nullptr) return std::nullopt;
  return scaled(ask<unsigned>(nvml_->power_limit, device_), 1e-3);
}

std::optional<std::string> Telemetry::driver_version() const {
  std::array<char, 96> text{};
  if (nvml_ == nullptr || nvml_->driver_version == nullptr ||
      nvml_->driver_version(text.data(), static_cast<unsigned>(text.size())) != 0) {
    return std::nullopt;
  }
  return text.data();
}

}  // namespace crossover::gpu
