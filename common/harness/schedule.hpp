#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "common/harness/answers.hpp"
#include "common/harness/curves.hpp"
#include "common/harness/options.hpp"
#include "common/harness/sample_cost.hpp"

namespace crossover {

/// Which configurations a round takes. A plan may ask for more than its time allows: what the
/// answers need comes first, then what makes them sharper, then the rest.
///
/// 1. rates: every curve with all its workers at the size that was chosen to be quoted
/// 2. crossovers: the smallest size and the middle one
/// 3. crossovers, closer: where one curve seems to overtake another, the sizes below and above
/// 4. the costs on the fewest workers and on the most
/// 5. the sizes half-way between those of 1 and 2
/// 6. scaling: every worker count at the chosen size; then at one in the caches
/// 7. finer curves; in the end every configuration
///
/// A configuration is opened when there is time for all the rounds that it and those that are open
/// still need. It is closed when its median is as precise as asked. While the time is too short for
/// everything it is closed as well when it is surely slower than another form of its curve (and no
/// part of a scaling curve), or when its size decides no crossover any more; and the least
/// important are given up where samples turn out dearer than expected. Round 0 is a pilot: it tells
/// what samples cost, and no answer rests on it.
class Schedule {
 public:
  Schedule(const std::vector<Planned>& plan, const Options& options);

  /// Closes what is answered by `results`, opens what there is time for within `left_s` seconds
  /// before `round`, and returns what is open: indices of the plan, ascending. Empty when nothing
  /// is left to do.
  std::vector<std::size_t> next(int round, const Results& results, double left_s);

  /// Seconds that a sample of a configuration will take, as far as that is known.
  double cost(std::size_t index, const Results& results) const {
    return costs_.predict(index, results);
  }

  /// The rounds that will be reached at the present pace, when `left_s` are left before `round`.
  int expected_rounds(int round, const Results& results, double left_s) const;

  /// What was never measured for want of time, ascending.
  std::vector<std::size_t> left_out(const Results& results) const;

  const std::vector<Arena>& arenas() const { return arenas_; }

 private:
  enum class State { waiting, open, closed };
  enum class Team { fewest, all, between };
  struct Entry {
    State state = State::waiting;
    int importance = 0;  ///< smaller comes first
    Team team = Team::fewest;
    bool keep = false;  ///< part of a scaling curve, or a cost: closed by precision alone
  };

  void rank_curve(const Arena& arena, const Curve& curve);
  void promote_brackets(const Results& results);
  /// Makes the forms that meet at a contest's crossing important at a size inside its bracket.
  void promote(const Contest& contest, std::uint64_t elements, const Crossing& crossing,
               const Results& results);
  void close(const Results& results, double plannable_s);
  void shed(const std::vector<std::size_t>& by_importance, const Results& results,
            double plannable_s);
  void give_up_slow_forms(const Arena& arena, const Results& results);
  void close_decided_sizes(const Arena& arena, const Results& results);
  bool precise(const Result& result) const;
  int rounds_needed(std::size_t index, const Results& results, int wanted) const;
  double seconds_needed(State state, const Results& results, int wanted) const;

  const std::vector<Planned>& plan_;
  const Options& options_;
  std::vector<Arena> arenas_;
  SampleCosts costs_;
  std::vector<Entry> entries_;
  bool first_ = true;  ///< next() was not called yet
};

}  // namespace crossover
