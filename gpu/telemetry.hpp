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

/// What a GPU is connected by, at its fastest: it rests at a lower generation while it is idle.
struct Link {
  unsigned generation = 0;  ///< of PCI Express
  unsigned lanes = 0;

  /// `PCIe 5.0 x16`.
  std::string name() const;
  /// Each way and in theory: transfers a second and lane by generation, less what the code of the
  /// line takes (8b/10b, from the third 128b/130b, from the sixth 242 of 256 bytes), but with the
  /// headers of the packets, which take a tenth or so (PCI Express Base Specification). 0: a
  /// generation that is not known here.
  double bytes_per_s() const;
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
  std::optional<Link> link() const;

 private:
  void* library_ = nullptr;  ///< initialised; null where there is none
  void* device_ = nullptr;   ///< null where the library does not know the GPU
};

}  // namespace crossover::gpu
