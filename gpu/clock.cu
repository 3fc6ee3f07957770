#include <algorithm>
#include <atomic>
#include <cmath>
#include <utility>

#include "gpu/clock.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"

namespace crossover::gpu {

/// Holds its stream until the host has stored `epoch` or more at `release`, so that what is behind
/// it is queued when the first event fires. Gives up after `limit_ns`, and says so at `gave_up`: a
/// host that waits for a place in the queue would wait for ever.
__global__ void hold_stream(const volatile unsigned* release, unsigned epoch,
                            std::uint64_t limit_ns, unsigned* gave_up) {
  const std::uint64_t start = nanoseconds();
  while (*release < epoch) {
    if (nanoseconds() - start > limit_ns) {
      *gave_up = 1;
      return;
    }
  }
}

/// Keeps every multiprocessor busy for `duration_ns`, so that clocks climb to where they stay.
__global__ void keep_busy(std::uint64_t duration_ns) {
  const std::uint64_t start = nanoseconds();
  while (nanoseconds() - start < duration_ns) {
  }
}

KernelClock::KernelClock(const Stream& stream, const Work& work, std::chrono::nanoseconds patience)
    : stream_(stream),
      work_(work),
      patience_ns_(static_cast<std::uint64_t>(patience.count())),
      start_(stream.device(), true),
      stop_(stream.device(), true),
      words_(stream.device(), 2) {
  // CUDA loads a kernel when it is first launched, which may wait for the device: not while it is
  // held.
  hold();
  stream_.synchronize();
}

void KernelClock::hold() {
  launch(stream_, &hold_stream, Shape{1, 1, 0}, &words_[0], epoch_, patience_ns_, &words_[1]);
}

std::int64_t KernelClock::most_queued() const {
  // A stream takes about a thousand launches before the host has to wait.
  return std::max(1, 512 / work_.launches);
}

void KernelClock::queue(std::int64_t first, std::int64_t operations) {
  stream_.device().select();
  ++epoch_;
  hold();
  start_.record(stream_);
  work_.enqueue(stream_, first, operations);
  stop_.record(stream_);
}

void KernelClock::release() {
  std::atomic_ref<unsigned>(words_[0]).store(epoch_, std::memory_order_release);
}

Nanoseconds KernelClock::wait() {
  stream_.synchronize();
  if (words_[1] != 0) {
    ++overruns_;
    words_[1] = 0;
  }
  return std::chrono::duration<double, std::milli>(stop_.milliseconds_since(start_));
}

int KernelClock::take_overruns() { return std::exchange(overruns_, 0); }

Nanoseconds time_together(std::span<KernelClock> clocks, std::int64_t first,
                          std::int64_t operations,
                          const std::function<void(std::int64_t)>& collect) {
  Nanoseconds total{};
  for (const std::int64_t end = first + operations; first < end;) {
    const std::int64_t batch = std::min(end - first, clocks.front().most_queued());
    const auto release = [&] {
      for (KernelClock& clock : clocks) clock.release();
    };
    try {
      for (KernelClock& clock : clocks) clock.queue(first, batch);
    } catch (...) {
      release();
      throw;
    }
    release();
    Nanoseconds slowest{};
    for (KernelClock& clock : clocks) slowest = std::max(slowest, clock.wait());
    total += slowest;
    for (const std::int64_t next = first + batch; first < next; ++first) collect(first);
  }
  return total;
}

WarmUp::WarmUp(const Device& device, std::function<double()> clock_mhz)
    : device_(device), clock_mhz_(std::move(clock_mhz)), stream_(device) {}

void WarmUp::run() {
  using namespace std::chrono_literals;
  const auto begin = std::chrono::steady_clock::now();
  if (last_ && begin - *last_ < 50ms) return;
  constexpr std::uint64_t kBurstNs = 5'000'000;
  const Shape shape{static_cast<std::uint64_t>(device_.properties().multiprocessors), 32, 0};
  double before = 0;
  device_.select();
  do {
    launch(stream_, &keep_busy, shape, kBurstNs);
    // Read while the device works: an idle one lowers its clock.
    const double now = clock_mhz_();
    stream_.synchronize();
    if (std::abs(now - before) <= 0.01 * now) break;
    before = now;
  } while (std::chrono::steady_clock::now() - begin < 500ms);
  worked();
}

}  // namespace crossover::gpu
