#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

/// The machine that the emulated runtime pretends to be, and what goes wrong on it.
namespace crossover::emulation {

struct DeviceModel {
  std::string name = "Emulated GPU";
  std::string pci = "0000:01:00.0";
  int major = 9;
  int minor = 0;
  int multiprocessors = 4;
  std::size_t memory = std::size_t{256} << 20;
  int memory_clock_khz = 3'201'000;
  int clock_khz = 1'980'000;
  int bus_width_bits = 6144;
  int l2_bytes = 64 << 10;
  int single_to_double = 2;
  int shared_per_multiprocessor = 228 << 10;
  int shared_per_block = 227 << 10;
};

/// A fault: calls of a function return `error` once `after` of them have gone well.
struct Fault {
  cudaError_t error = cudaSuccess;
  int after = 0;
  bool sticky = false;  ///< from then on, everything on the device fails so
};

struct Machine {
  int driver_version = 13000;
  int runtime_version = 13000;
  std::vector<DeviceModel> devices{DeviceModel{}};
  int ptx_version = 90;  ///< what the kernels' image was built for
  std::map<std::string, Fault> faults;
  /// On which multiprocessor a block runs.
  std::function<unsigned(unsigned block, int multiprocessors)> placement = [](unsigned block,
                                                                              int multiprocessors) {
    return block % static_cast<unsigned>(multiprocessors);
  };
  /// How many of a copy's bytes arrive.
  std::function<std::size_t(std::size_t bytes)> arriving = [](std::size_t bytes) { return bytes; };
  std::map<std::string, int> calls;  ///< how often each function was called
  int early_launches = 0;  ///< kernels that were allowed to begin before the one ahead had ended
  std::size_t most_shared_bytes = 0;  ///< the most dynamic shared memory that a launch asked for
};

Machine& machine();

/// A fresh machine and schedule; forgets sticky errors and pending work. Allocations stay.
void reset_machine();

/// Gives back what a lost device could not.
void forget_allocations();

/// Bytes allocated on the devices and pinned on the host, and streams, events and graphs alive.
std::size_t live_bytes();
int live_objects();

}  // namespace crossover::emulation
