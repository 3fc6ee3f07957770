#include "gpu/emulation/machine.hpp"

/// Gives the program that this is linked into two GPUs of different sizes.
namespace crossover::emulation {
namespace {

const bool kTwo = [] {
  DeviceModel second;
  second.name = "Smaller emulated GPU";
  second.pci = "0000:02:00.0";
  second.multiprocessors = 2;
  machine().devices.push_back(second);
  return true;
}();

}  // namespace
}  // namespace crossover::emulation
