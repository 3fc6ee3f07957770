#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/counting.hpp"
#include "common/model.hpp"
#include "cpu/operations.hpp"
#include "cpu/pause.hpp"

/// The workload `count` on CPU workers. A *step* is a way to add 1 to a counter together, a class
/// with
///
///     Step(const Configuration&, const Placement&)
///     void set(std::uint64_t value)            what the counter starts from; one thread
///     std::uint64_t value() const              what it stands at, all parts together; one thread
///     void add(int worker, std::uint64_t times)    by worker `worker`, while the others do so too
///
/// and optionally `add_together(team, times)`, which brings its own parallel loop, and
/// `static constexpr bool kLoses`, when increments may get lost by design.
namespace crossover::cpu {

namespace steps {

using Counter = std::atomic<std::uint64_t>;

/// A read and a write to memory, which is what `++counter` on a plain variable compiles to, but
/// without undefined behaviour when several threads do so, and not to be folded into one addition
/// for a whole loop.
inline void increment(Counter& counter) {
  counter.store(counter.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}

/// One counter, on a line pair of its own.
class Shared {
 public:
  Shared(const Configuration&, const Placement&) {}
  void set(std::uint64_t value) { counter_.store(value, std::memory_order_relaxed); }
  std::uint64_t value() const { return counter_.load(std::memory_order_relaxed); }

 protected:
  alignas(kLinePair) Counter counter_{0};
};

/// What everybody gets wrong first: two workers read the same value, and one increment is lost.
class Unsynchronised : public Shared {
 public:
  static constexpr bool kLoses = true;
  using Shared::Shared;
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) increment(counter_);
  }
};

/// A lock for every increment.
class Mutex : public Shared {
 public:
  using Shared::Shared;
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      const std::lock_guard lock(mutex_);
      increment(counter_);
    }
  }

 protected:
  alignas(kLinePair) std::mutex mutex_;
};

/// A lock for all of a worker's increments: the same safety, paid for once.
class MutexBatch : public Mutex {
 public:
  using Mutex::Mutex;
  void add(int, std::uint64_t times) {
    const std::lock_guard lock(mutex_);
    for (std::uint64_t i = 0; i < times; ++i) increment(counter_);
  }
};

/// A lock that is waited for by looking at it: no system call, but a worker whose turn it is may be
/// the one that has no CPU, so a team larger than its CPUs gives way.
class Spinlock : public Shared {
 public:
  Spinlock(const Configuration& configuration, const Placement& placement)
      : Shared(configuration, placement), gives_way_(placement.oversubscribed) {}
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      while (taken_.exchange(true, std::memory_order_acquire)) {
        while (taken_.load(std::memory_order_relaxed)) {
          gives_way_ ? std::this_thread::yield() : pause();
        }
      }
      increment(counter_);
      taken_.store(false, std::memory_order_release);
    }
  }

 private:
  bool gives_way_;
  alignas(kLinePair) std::atomic<bool> taken_{false};
};

/// The processor's own read-modify-write.
class Atomic : public Shared {
 public:
  using Shared::Shared;
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) counter_.fetch_add(1, std::memory_order_relaxed);
  }
};

/// Everybody counts in a register of his own and adds the result at the end.
class Register : public Shared {
 public:
  using Shared::Shared;
  void add(int, std::uint64_t times) {
    std::uint64_t own = 0;
    for (std::uint64_t i = 0; i < times; ++i) {
      ++own;
      asm volatile("" : "+r"(own));  // one by one: the loop would become an addition
    }
    counter_.fetch_add(own, std::memory_order_relaxed);
  }
};

/// Everybody counts in a variable of which each thread has one, and adds it at the end.
class ThreadLocal : public Shared {
 public:
  using Shared::Shared;
  void add(int, std::uint64_t times) {
    own_.store(0, std::memory_order_relaxed);
    for (std::uint64_t i = 0; i < times; ++i) increment(own_);
    counter_.fetch_add(own_.load(std::memory_order_relaxed), std::memory_order_relaxed);
  }

 private:
  inline static thread_local Counter own_{0};
};

/// Everybody counts in memory of his own, `Distance` bytes from the next worker's.
template <std::size_t Distance>
class Slots {
 public:
  Slots(const Configuration& configuration, const Placement&)
      : pairs_((static_cast<std::size_t>(configuration.workers) * Distance + kLinePair - 1) /
               kLinePair) {}
  void set(std::uint64_t value) {
    for (Pair& pair : pairs_) {
      for (Counter& counter : pair.counters) counter.store(0, std::memory_order_relaxed);
    }
    of(0).store(value, std::memory_order_relaxed);
  }
  std::uint64_t value() const {
    std::uint64_t total = 0;
    for (const Pair& pair : pairs_) {
      for (const Counter& counter : pair.counters) {
        total += counter.load(std::memory_order_relaxed);
      }
    }
    return total;
  }
  void add(int worker, std::uint64_t times) {
    Counter& mine = of(worker);
    for (std::uint64_t i = 0; i < times; ++i) increment(mine);
  }

 private:
  struct alignas(kLinePair) Pair {
    std::array<Counter, kLinePair / sizeof(Counter)> counters{};
  };
  Counter& of(int worker) {
    const std::size_t byte = static_cast<std::size_t>(worker) * Distance;
    return pairs_[byte / kLinePair].counters[byte % kLinePair / sizeof(Counter)];
  }
  std::vector<Pair> pairs_;
};

/// Neighbours write to the same line: nothing is shared but the line.
using FalseSharing = Slots<sizeof(Counter)>;
/// The same with the workers a line pair apart.
using Padded = Slots<kLinePair>;

}  // namespace steps

/// `elements` increments, shared out among the workers of a `Team` (cpu/operations.hpp), by a
/// `Step`.
template <class Team, class Step>
class CountOperation final : public CountedOperation {
 public:
  CountOperation(const Configuration& configuration, const Placement& placement)
      : elements_(configuration.elements),
        workers_(configuration.workers),
        step_(configuration, placement),
        team_(configuration.workers, placement) {}

  void renew(std::uint32_t salt) override {
    CountedOperation::renew(salt);
    start_ = counting::first(salt);
    step_.set(start_);
  }

  Verdict verify() override {
    constexpr bool kLoses = requires { requires Step::kLoses; };
    return counting::verify({start_, operations_, elements_}, step_.value(),
                            kLoses && workers_ > 1);
  }

  std::vector<int> processes() const override { return processes_of(team_); }

 private:
  void run() override {
    if constexpr (requires { step_.add_together(team_, elements_); }) {
      step_.add_together(team_, elements_);
    } else {
      team_.run(
          [this](int worker) { step_.add(worker, counting::share(elements_, worker, workers_)); });
    }
  }

  std::uint64_t elements_;
  int workers_;
  Step step_;
  std::uint64_t start_ = 0;
  Team team_;  // last: processes know what is there when they are forked
};

/// The offer of `variant`, by which a `Team` counts with a `Step`.
template <class Team, class Step>
Offer count_offer(std::string variant,
                  std::uint64_t (*host_bytes)(const Configuration&) = threaded_bytes) {
  return cost_offer<CountOperation<Team, Step>>(costs::count(), {std::move(variant)}, host_bytes);
}

/// How std::threads count, on a `Team`: the most naive first.
template <class Team>
std::vector<Offer> count_offers() {
  return {count_offer<Team, steps::Unsynchronised>("unsynchronised"),
          count_offer<Team, steps::Mutex>("mutex"),
          count_offer<Team, steps::MutexBatch>("mutex-batch"),
          count_offer<Team, steps::Spinlock>("spinlock"),
          count_offer<Team, steps::Atomic>("atomic"),
          count_offer<Team, steps::FalseSharing>("false-sharing"),
          count_offer<Team, steps::Padded>("padded"),
          count_offer<Team, steps::ThreadLocal>("thread-local"),
          count_offer<Team, steps::Register>("register")};
}

/// How processes count, on a pool: `mutex`, a robust one that they share, and `atomic`, both in
/// shared memory.
std::vector<Offer> process_count_offers();

}  // namespace crossover::cpu
