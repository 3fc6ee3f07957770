#pragma once

#include <sched.h>

#include <atomic>
#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "cpu/pause.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/futex.hpp"

namespace crossover::cpu {

/// How a pool's caller and workers talk, in memory that all share: the threads' pool (cpu/threads),
/// word for word, but that it sleeps on a futex which processes share. One store by the caller,
/// which all workers see at once; one store by each worker, which the caller collects; each word on
/// a pair of cache lines of its own.
class Dispatch {
 public:
  /// The shared memory that `workers` workers need, in bytes.
  static std::size_t bytes(int workers) {
    return sizeof(Shared) + static_cast<std::size_t>(workers) * sizeof(Done);
  }

  /// On zeroed memory, aligned to kLinePair, that outlives this. `spins`: how often a worker looks
  /// for an order before it sleeps; 0 also has the caller yield while it waits.
  Dispatch(void* memory, int workers, int spins)
      : shared_(*new (memory) Shared),
        done_(reinterpret_cast<Done*>(static_cast<char*>(memory) + sizeof(Shared)),
              static_cast<std::size_t>(workers)),
        spins_(spins) {
    for (Done& done : done_) new (&done) Done;
  }

  /// The caller's side: has the others do `order`, calls `own()` meanwhile, and waits for them.
  /// Calls `look(worker)` every now and then while it waits for that worker; what it throws ends
  /// the waiting.
  template <class Own, class Look>
  void run(Order order, Own&& own, Look&& look) {
    const std::uint32_t epoch = shared_.epoch.load(std::memory_order_relaxed) + 1;
    shared_.order = order;
    publish(epoch);
    own();
    for (std::size_t worker = 1; worker < done_.size(); ++worker) {
      const std::atomic<std::uint32_t>& word = done_[worker].epoch;
      const int between = spins_ == 0 ? kYieldsBetweenLooks : kSpinsBetweenLooks;
      for (int spin = 1; word.load(std::memory_order_acquire) != epoch; ++spin) {
        if (spins_ == 0) {
          sched_yield();
        } else {
          pause();
        }
        if (spin % between == 0) look(worker);
      }
    }
  }

  /// A worker's side: `perform(order)` for every order, until one makes it return false.
  template <class Work>
  void serve(int worker, Work&& perform) {
    Done& done = done_[static_cast<std::size_t>(worker)];
    for (std::uint32_t seen = 0;;) {
      await_order(seen);
      ++seen;
      if (!perform(shared_.order)) return;
      done.epoch.store(seen, std::memory_order_release);
    }
  }

 private:
  // Some 0.3 ms of spinning, and of yielding what others take at most 64 times.
  static constexpr int kSpinsBetweenLooks = 1 << 13;
  static constexpr int kYieldsBetweenLooks = 1 << 6;

  struct alignas(kLinePair) Shared {
    std::atomic<std::uint32_t> epoch{0};
    Order order;
    alignas(kLinePair) std::atomic<int> sleepers{0};
  };
  struct alignas(kLinePair) Done {
    std::atomic<std::uint32_t> epoch{0};
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

  void publish(std::uint32_t epoch) {
    shared_.epoch.store(epoch, std::memory_order_seq_cst);
    // A worker counts itself before it looks at the epoch for the last time, and this looks at the
    // count after setting the epoch: one of the two sees the other.
    if (shared_.sleepers.load(std::memory_order_seq_cst) > 0) futex_wake_all(shared_.epoch);
  }

  /// Returns when the epoch is no longer `seen`.
  void await_order(std::uint32_t seen) {
    for (int spin = 0; spin < spins_; ++spin) {
      if (shared_.epoch.load(std::memory_order_acquire) != seen) return;
      pause();
    }
    shared_.sleepers.fetch_add(1, std::memory_order_seq_cst);
    while (shared_.epoch.load(std::memory_order_seq_cst) == seen) futex_wait(shared_.epoch, seen);
    shared_.sleepers.fetch_sub(1, std::memory_order_relaxed);
  }

  Shared& shared_;
  std::span<Done> done_;
  int spins_;
};

}  // namespace crossover::cpu
