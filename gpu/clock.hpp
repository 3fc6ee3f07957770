#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>

#include "common/model.hpp"
#include "gpu/device.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {

/// The device's clock around batches of operations. A batch is queued behind a kernel that holds
/// the stream, between two events, and only then let go: nothing but the work is between the
/// events, and no gap in which the device waits for the host. The gap from one kernel to the next
/// is in it: below about a million elements most of the time. What that gap is alone `create`
/// measures, with a kernel that does next to nothing; a dependent launch (Shape::dependent) hides
/// it.
class KernelClock {
 public:
  KernelClock(const Stream& stream, const Work& work,
              std::chrono::nanoseconds patience = std::chrono::milliseconds(500));

  /// First queue() of operations number `first` to `first + operations - 1`, at most most_queued(),
  /// then release(), then wait(), which returns their time. Each everywhere, for devices that
  /// measure at the same time: time_together() does.
  void queue(std::int64_t first, std::int64_t operations);
  void release();
  Nanoseconds wait();
  std::int64_t most_queued() const;

  /// How many batches since the last call were let go by the kernel's own time limit: their time
  /// may contain the host's.
  int take_overruns();

 private:
  void hold();

  const Stream& stream_;
  const Work& work_;
  std::uint64_t patience_ns_;
  Event start_;
  Event stop_;
  PinnedArray<unsigned> words_;  // release, gave_up
  unsigned epoch_ = 0;
  int overruns_ = 0;
};

/// The time of operations number `first` to `first + operations - 1` of all clocks' work at once,
/// by the slowest device's clock. `collect` is called with each operation's number, once it is
/// complete and no later operation is under way.
Nanoseconds time_together(
    std::span<KernelClock> clocks, std::int64_t first, std::int64_t operations,
    const std::function<void(std::int64_t)>& collect = [](std::int64_t) {});

/// Brings a device to its steady clock before it is measured, with work of its own.
class WarmUp {
 public:
  /// `clock_mhz` reads the multiprocessors' clock, or gives 0 where nothing can.
  WarmUp(const Device& device, std::function<double()> clock_mhz);

  /// Keeps the device busy until two readings in a row differ by less than 1 %, for half a second
  /// at most; returns at once when it has been called or told of work in the last 50 ms.
  void run();
  void worked() { last_ = std::chrono::steady_clock::now(); }

 private:
  const Device& device_;
  std::function<double()> clock_mhz_;
  Stream stream_;
  std::optional<std::chrono::steady_clock::time_point> last_;
};

}  // namespace crossover::gpu
