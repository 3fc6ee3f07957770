#pragma once

#include <cstdint>
#include <optional>
#include <string>

/// What the driver's management library (NVML) tells of a GPU. Only read: no clock, power or mode
/// setting is ever changed. The library is loaded at run time; without it nothing is told.
namespace crossover::gpu {

/// One look at a GPU; what it does not tell is empty.
struct Reading {
  std::optional<double> sm_mhz;
  std::optional<double> memory_mhz;
  std::optional<double> temperature_c;
  std::optional<double> power_w;
  std::optional<double> energy_j;                 ///< since the driver was loaded
  std::optional<std::uint64_t> throttle_reasons;  ///< NVML's bits, nvmlClocksThrottleReasons
};

/// The reasons among NVML's bits that take speed from a sample, in words, or empty: power cap,
/// thermal and hardware slowdowns. An idle GPU, and clocks that somebody has set, are none.
std::string throttled(std::uint64_t reasons);

/// NVML, as dlopen() finds it.
extern const char* const kNvml;

/// One GPU's telemetry.
class Telemetry {
 public:
  /// `library` is what dlopen() takes; `pci_bus_id` as CUDA gives it. Never throws: what cannot be
  /// loaded tells nothing.
  explicit Telemetry(const std::string& pci_bus_id, const std::string& library = kNvml);
  Telemetry(const Telemetry&) = delete;
  Telemetry& operator=(const Telemetry&) = delete;
  ~Telemetry();

  Reading read() const;
  std::optional<double> sm_mhz() const;
  std::optional<double> power_limit_w() const;
  std::optional<std::string> driver_version() const;

 private:
  void* library_ = nullptr;  ///< initialised; null where there is none
  void* device_ = nullptr;   ///< null where the library does not know the GPU
};

}  // namespace crossover::gpu
