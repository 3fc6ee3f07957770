#pragma once

#include <sched.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>

#include "common/buffer.hpp"
#include "cpu/pause.hpp"

namespace crossover::cpu {

/// How a pool's caller and workers talk, threads and processes alike. A dispatch is one store by
/// the caller, which all workers see at once, and one store by each worker, which the caller
/// collects: each word on a pair of cache lines of its own. Workers spin between orders, because
/// waking a sleeping thread takes 30 us and more; where they are not used for a while (or are more
/// than the machine has hardware threads) they sleep.
///
/// `Sleep` is how: wait(word, value) sleeps while the word may be `value`, wake_all(word) ends
/// that.
template <class Sleep>
class Dispatch {
 public:
  /// About a millisecond: longer than any pause between two operations of a sample, and far shorter
  /// than the setting up of the next configuration.
  static constexpr int kSpins = 1 << 15;

  struct alignas(kLinePair) Line {
    std::atomic<std::uint32_t> word{0};
    // The first line's: what to do; no call is the end.
    void (*call)(const void* body, int worker) = nullptr;
    alignas(std::max_align_t) std::array<std::byte, 48> body;
  };
  static std::size_t lines(int workers) { return static_cast<std::size_t>(workers) + 1; }

  /// On lines(workers) lines that all of them see and that outlive this. `spins`: how often a
  /// worker looks for an order before it sleeps; 0 also has the caller yield while it waits.
  Dispatch(std::span<Line> lines, int spins) : lines_(lines), spins_(spins) {}

  /// The caller's side: `body(worker)` by every worker, the caller being worker 0. Workers have a
  /// copy of the body. Calls `look(worker)` every now and then while it waits for that worker; what
  /// it throws ends the waiting.
  template <class Body, class Look>
  void run(const Body& body, Look&& look) {
    static_assert(std::is_trivially_copyable_v<Body> && sizeof(Body) <= sizeof(Line::body));
    constexpr auto kCall =
        +[](const void* copy, int worker) { (*static_cast<const Body*>(copy))(worker); };
    // The workers look at this line all the time and take it away between two stores: what they
    // have from the order before is not stored again.
    bool known = false;
    if constexpr (std::has_unique_object_representations_v<Body> &&
                  std::is_standard_layout_v<Body>) {
      known = order().call == kCall && std::memcmp(order().body.data(), &body, sizeof(Body)) == 0;
    }
    if (!known) {
      std::memcpy(order().body.data(), &body, sizeof(Body));
      order().call = kCall;
    }
    const std::uint32_t epoch = publish();
    body(0);
    for (std::size_t worker = 1; worker + 1 < lines_.size(); ++worker) {
      const std::atomic<std::uint32_t>& done = lines_[worker].word;
      const int between = spins_ == 0 ? kYieldsBetweenLooks : kSpinsBetweenLooks;
      for (int spin = 1; done.load(std::memory_order_acquire) != epoch; ++spin) {
        if (spins_ == 0) {
          sched_yield();
        } else {
          pause();
        }
        if (spin % between == 0) look(worker);
      }
    }
  }

  /// Tells the workers to end, and waits for none.
  void end() {
    order().call = nullptr;
    publish();
  }

  /// The side of a worker but 0, until the end.
  void serve(int worker) {
    std::atomic<std::uint32_t>& done = lines_[static_cast<std::size_t>(worker)].word;
    for (std::uint32_t seen = 0;;) {
      await_order(seen);
      ++seen;
      if (order().call == nullptr) return;
      order().call(order().body.data(), worker);
      done.store(seen, std::memory_order_release);
    }
  }

 private:
  // Some 0.3 ms of spinning, and of yielding what others take at most 64 times.
  static constexpr int kSpinsBetweenLooks = 1 << 13;
  static constexpr int kYieldsBetweenLooks = 1 << 6;
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

  Line& order() { return lines_.front(); }
  std::atomic<std::uint32_t>& sleepers() { return lines_.back().word; }

  std::uint32_t publish() {
    const std::uint32_t epoch = order().word.load(std::memory_order_relaxed) + 1;
    order().word.store(epoch, std::memory_order_seq_cst);
    // A worker counts itself before it looks at the epoch for the last time, and this looks at the
    // count after setting the epoch: one of the two sees the other.
    if (sleepers().load(std::memory_order_seq_cst) > 0) Sleep::wake_all(order().word);
    return epoch;
  }

  /// Returns when the epoch is no longer `seen`.
  void await_order(std::uint32_t seen) {
    std::atomic<std::uint32_t>& epoch = order().word;
    for (int spin = 0; spin < spins_; ++spin) {
      if (epoch.load(std::memory_order_acquire) != seen) return;
      pause();
    }
    sleepers().fetch_add(1, std::memory_order_seq_cst);
    while (epoch.load(std::memory_order_seq_cst) == seen) Sleep::wait(epoch, seen);
    sleepers().fetch_sub(1, std::memory_order_relaxed);
  }

  std::span<Line> lines_;
  int spins_;
};

}  // namespace crossover::cpu
