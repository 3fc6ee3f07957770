#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <string>
#include <utility>

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

/// An operation that is one kernel, on all multiprocessors or on some.
class KernelWork final : public Work {
 public:
  /// `launch(stream, set, seen)` puts one operation into the stream; seen is for
  /// note_multiprocessor().
  using Launch = std::function<void(const Stream&, std::uint64_t set, unsigned* seen)>;
  KernelWork(std::uint64_t sets, Launch launch, std::optional<OneBlockEach> placement = {})
      : sets_(sets), launch_(std::move(launch)), placement_(std::move(placement)) {}

  void enqueue(const Stream& stream, std::int64_t first, std::int64_t operations) override {
    unsigned* const seen = placement_ ? placement_->seen() : nullptr;
    for (std::int64_t i = first; i < first + operations; ++i) {
      launch_(stream, static_cast<std::uint64_t>(i) % sets_, seen);
    }
  }
  std::string misplaced() const override {
    return placement_ ? placement_->misplaced() : std::string{};
  }

 private:
  std::uint64_t sets_;
  Launch launch_;
  std::optional<OneBlockEach> placement_;
};

/// Where there is a limit, makes `shape` one block on each of so many multiprocessors; allows
/// `kernel` the shared memory that it has then.
template <class Kernel>
std::optional<OneBlockEach> place(const Device& device, Kernel kernel, Shape& shape,
                                  Multiprocessors limit) {
  std::optional<OneBlockEach> placement;
  if (limit.count > 0) {
    placement.emplace(device, limit.count);
    shape.blocks = static_cast<std::uint64_t>(limit.count);
    shape.shared_bytes = OneBlockEach::shared_bytes(device, shape.shared_bytes);
  }
  if (shape.shared_bytes > 0) allow_shared(device, kernel, shape.shared_bytes);
  return placement;
}

/// As many blocks as run at a time, and no more than there is work for.
template <class Kernel>
Shape filling(const Device& device, Kernel kernel, Shape shape, std::uint64_t most) {
  const auto resident =
      static_cast<std::uint64_t>(blocks_per_multiprocessor(device, kernel, shape)) *
      static_cast<std::uint64_t>(device.properties().multiprocessors);
  shape.blocks = std::clamp<std::uint64_t>(most, 1, resident);
  return shape;
}

}  // namespace crossover::gpu
