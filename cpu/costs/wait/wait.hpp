#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "common/counting.hpp"
#include "common/model.hpp"
#include "cpu/costs/wait/done.hpp"
#include "cpu/costs/wait/mixed.hpp"
#include "cpu/costs/wait/timer.hpp"
#include "cpu/costs/wait/work.hpp"
#include "cpu/operations.hpp"

/// The workload `wait` on CPU workers: tasks of a millisecond that block or compute. The tasks of
/// all operations of a sample follow one another on each worker; the team is dispatched once, so
/// that a worker does not wait for its neighbours after each.
namespace crossover::cpu {

/// A task that waits: for a disk, a network, another process. It ends a millisecond after its
/// begin, by the clock; waking up late is part of its price.
class Block {
 public:
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
template <class Team, class Task>
class WaitOperation final : public Operation {
 public:
  WaitOperation(const Configuration& configuration, const Placement& placement)
      : elements_(configuration.elements),
        workers_(configuration.workers),
        team_(configuration.workers, placement),
        done_(static_cast<std::size_t>(configuration.workers)) {}

  void renew(std::uint32_t salt) override {
    task_ = Task(salt);
    tasks_ = 0;
    std::fill(done_.begin(), done_.end(), Done{});
  }

  Nanoseconds time(std::int64_t operations) override {
    const auto times = static_cast<std::uint64_t>(operations);
    tasks_ += times * elements_;
    const auto start = std::chrono::steady_clock::now();
    team_.run([&](int worker) {
      const ExactTimers exact;
      Done& mine = done_[static_cast<std::size_t>(worker)];
      const std::uint64_t tasks = times * counting::share(elements_, worker, workers_);
      for (std::uint64_t i = 0; i < tasks; ++i) {
        mine.results += task_();
        ++mine.tasks;
      }
    });
    return std::chrono::steady_clock::now() - start;
  }

  Verdict verify() override { return verify_done(done_, tasks_, tasks_ * task_.result()); }

 private:
  std::uint64_t elements_;
  int workers_;
  Team team_;
  Task task_{0};
  std::vector<Done> done_;
  std::uint64_t tasks_ = 0;
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
