#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "common/buffer.hpp"
#include "common/model.hpp"

/// What tasks that wait or compute are made of, and how they are counted.
namespace crossover::cpu {

/// Nanoseconds of CLOCK_MONOTONIC.
using Instant = std::int64_t;

inline constexpr Instant kMillisecond = 1'000'000;

Instant now();

/// Sleeps until `instant`; returns at once when that is past.
void sleep_until(Instant instant);

/// While it lives, the calling thread's timers are as exact as the kernel can make them (a slack of
/// 1 ns): it may otherwise delay each by 50 us to save power.
class ExactTimers {
 public:
  ExactTimers();
  ExactTimers(const ExactTimers&) = delete;
  ExactTimers& operator=(const ExactTimers&) = delete;
  ~ExactTimers();

 private:
  int slack_;
};

/// `steps` steps of a chain in which each needs the one before: as long as the processor's clock
/// says and nothing else, since it reads no memory. Returns where it ended. One function for all
/// who call it: what measures its steps and what takes them run the same machine code.
std::uint64_t chain(std::uint64_t value, std::uint64_t steps);

/// The steps that take a millisecond of a CPU, measured once in the life of the process, at its
/// first call; CPU time is measured, so that neighbours do not matter.
std::uint64_t steps_per_millisecond();

/// What a worker has done; on a line pair of its own.
struct alignas(kLinePair) Done {
  std::uint64_t tasks = 0;
  std::uint64_t results = 0;  ///< wrapping sum of the tasks' results
};

/// Compares what the workers have done with `tasks` tasks whose results add up to `results`.
Verdict verify_done(const std::vector<Done>& done, std::uint64_t tasks, std::uint64_t results);

/// On the workers of a `Team` (cpu/operations.hpp); counts what was asked of them and what each has
/// done.
template <class Team>
class Tasks : public Operation {
 public:
  Tasks(const Configuration& configuration, const Placement& placement)
      : elements_(configuration.elements),
        workers_(configuration.workers),
        team_(configuration.workers, placement),
        done_(static_cast<std::size_t>(configuration.workers)) {}

  /// Every task was done once, and each result is that of its work.
  Verdict verify() override { return verify_done(done_, tasks_, results_); }

 protected:
  void renewed() {
    tasks_ = 0;
    results_ = 0;
    std::fill(done_.begin(), done_.end(), Done{});
  }
  Done& done_by(int worker) { return done_[static_cast<std::size_t>(worker)]; }

  std::uint64_t elements_;
  int workers_;
  Team team_;
  std::uint64_t tasks_ = 0;    // asked for
  std::uint64_t results_ = 0;  // their sum

 private:
  std::vector<Done> done_;
};

}  // namespace crossover::cpu
