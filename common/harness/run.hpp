#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/harness/answers.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/progress.hpp"
#include "common/harness/sampler.hpp"
#include "common/harness/schedule.hpp"

namespace crossover {

/// Why a run ended.
enum class End { precise, rounds, budget, interrupted };

std::string_view name(End end);

/// The order in which round `round` of a run takes its configurations: blocks in a random order,
/// within each its sets of data, within these the teams, and within these the configurations; the
/// same for the same seed.
std::vector<std::size_t> shuffled_order(const std::vector<Planned>& plan, std::uint64_t seed,
                                        int round);

/// What a run stands on besides its plan.
struct RunContext {
  const Options& options;
  std::string run_id;
  std::uint64_t seed = 0;
  const std::atomic<bool>& interrupted;
};

/// Where rows go the moment they are measured. May throw std::system_error.
using RowSink = std::function<void(const Row&)>;

/// Rounds over a plan: each takes one sample of every configuration that the schedule has open, in
/// an order of its own, and writes it at once.
class Run {
 public:
  /// `earlier` are the rows of the interrupted run that this one continues.
  Run(RunContext context, const std::vector<Planned>& plan, const std::vector<Row>& earlier,
      Samples& samples, RowSink write, Progress& progress);

  /// Until the stop rule says so. Throws std::system_error when a row cannot be written.
  End go();

  /// For another thread, while go() is held up in a long operation: the results so far.
  Results results() const;

  const Schedule& schedule() const { return schedule_; }
  /// Since go() was called.
  double elapsed_s() const { return samples_.now_s() - start_s_; }
  /// Whole ones.
  int rounds() const { return rounds_; }
  double seconds_in_samples() const { return in_samples_s_; }

 private:
  /// Takes `open` in the order of `round`. Returns whether time was left for all of them.
  bool go_round(int round, const std::vector<std::size_t>& open);
  bool done_before(std::size_t index, int round) const;
  void take(std::size_t index, int round);
  double seconds_left() const { return context_.options.budget_s - elapsed_s(); }

  RunContext context_;
  const std::vector<Planned>& plan_;
  Samples& samples_;
  RowSink write_;
  Progress& progress_;
  Schedule schedule_;
  mutable std::mutex mutex_;  // of results_: go() writes, results() reads
  Results results_;
  std::set<std::pair<std::size_t, int>> done_before_;
  int first_round_ = 0;
  double start_s_ = 0;
  int rounds_ = 0;
  bool any_taken_ = false;
  double in_samples_s_ = 0;
};

}  // namespace crossover
