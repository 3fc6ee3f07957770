#pragma once

#include <algorithm>
#include <string>

#include "gpu/launch.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {

/// One block on each of `count` multiprocessors: every block takes so much shared memory that no
/// second one fits beside it, so the hardware has to spread them; where they ran is read back.
class OneBlockEach {
 public:
  OneBlockEach(const Device& device, int count)
      : device_(&device), seen_(device, static_cast<std::uint64_t>(count)) {}

  /// A block that has a multiprocessor alone is as large as every device allows.
  static constexpr unsigned kThreads = 1024;

  /// Shared memory of a block: more than half of a multiprocessor's, and at least `bytes`.
  static std::size_t shared_bytes(const Device& device, std::size_t bytes) {
    const Properties& properties = device.properties();
    const auto half = static_cast<std::size_t>(properties.shared_per_multiprocessor) / 2 + 1;
    return std::min(std::max(bytes, half), static_cast<std::size_t>(properties.shared_per_block));
  }

  unsigned* seen() const { return seen_.data(); }

  /// What is wrong with where the blocks ran, or empty.
  std::string misplaced() const;

 private:
  const Device* device_;
  DeviceArray<unsigned> seen_;
};

}  // namespace crossover::gpu
