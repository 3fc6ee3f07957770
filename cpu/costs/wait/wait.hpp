#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/counting.hpp"
#include "common/histogram.hpp"
#include "common/model.hpp"
#include "cpu/costs/tail.hpp"
#include "cpu/costs/wait/mixed.hpp"
#include "cpu/costs/wait/tasks.hpp"
#include "cpu/operations.hpp"

/// The workload `wait` on CPU workers: tasks of a millisecond that block or compute. The tasks of
/// all operations of a sample follow one another on each worker; the team is dispatched once, so
/// that a worker does not wait for its neighbours after each.
namespace crossover::cpu {

/// A task that waits: for a disk, a network, another process. It ends a millisecond after its
/// begin, by the clock; waking up late is part of its price.
class Block {
 public:
  /// It never ends before.
  static constexpr Instant kLeast = kMillisecond;
  explicit Block(std::uint32_t) {}
  /// What it returns.
  std::uint64_t result() const { return 1; }
  std::uint64_t operator()() const {
    const Instant end = now() + kMillisecond;
    sleep_until(end);
    return now() >= end ? 1 : 0;
  }
};

/// A task that computes: so much work as takes a millisecond of a CPU that does nothing else.
class Compute {
 public:
  static constexpr Instant kLeast = 0;
  explicit Compute(std::uint32_t salt)
      : seed_(salt), steps_(steps_per_millisecond()), result_(chain(seed_, steps_)) {}
  std::uint64_t result() const { return result_; }
  std::uint64_t operator()() const { return chain(seed_, steps_); }

 private:
  std::uint64_t seed_;
  std::uint64_t steps_;
  std::uint64_t result_;
};

/// `elements` tasks an operation, shared out among the workers of a `Team` (cpu/operations.hpp).
/// Each task is timed, from when its worker could have begun it (the call, the end of the one
/// before) to its end: that costs it one reading of the clock, less than 0.01 % of a millisecond.
template <class Team, class Task>
class WaitOperation final : public Tasks<Team> {
 public:
  using Tasks<Team>::Tasks;

  void renew(std::uint32_t salt) override {
    task_ = Task(salt);
    this->renewed();
  }

  Nanoseconds time(std::int64_t operations) override {
    const auto times = static_cast<std::uint64_t>(operations);
    this->tasks_ += times * this->elements_;
    this->results_ = this->tasks_ * task_.result();
    return time_all(1, [&] {
      const Instant start = now();
      this->team_.run([&](int worker) {
        const ExactTimers exact;
        Done& mine = this->done_by(worker);
        Histogram& late = late_[static_cast<std::size_t>(worker)];
        const std::uint64_t tasks =
            times * counting::share(this->elements_, worker, this->workers_);
        Instant before = start;
        for (std::uint64_t i = 0; i < tasks; ++i) {
          mine.results += task_();
          ++mine.tasks;
          const Instant after = now();
          late.add(static_cast<std::uint64_t>(std::max(after - before - Task::kLeast, Instant{0})));
          before = after;
        }
      });
    });
  }

  /// Of the single tasks since the last look.
  Observation observe() override {
    Histogram all;
    for (Histogram& late : late_) {
      all += late;
      late = {};
    }
    Observation seen;
    add_tail(seen, all, static_cast<double>(Task::kLeast));
    return seen;
  }

 private:
  Task task_{0};
  /// By worker: what each task took beyond Task::kLeast, since the last look. To within 1.6 % of
  /// how late a task ended, not of the whole millisecond.
  std::vector<Histogram> late_ = std::vector<Histogram>(static_cast<std::size_t>(this->workers_));
};

/// On a `Team` whose workers run at the same time.
template <class Team>
std::vector<Offer> wait_offers() {
  const Workload& wait = costs::wait();
  return {cost_offer<WaitOperation<Team, Block>>(wait, {"block"}),
          cost_offer<WaitOperation<Team, Compute>>(wait, {"compute"}),
          cost_offer<MixedOperation<Team>>(wait, {"mixed"})};
}

}  // namespace crossover::cpu
