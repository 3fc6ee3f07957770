#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/harness/csv.hpp"
#include "common/harness/curves.hpp"
#include "common/harness/statistics.hpp"

/// What a run can say so far. The best of several forms is chosen on the earlier half of the rounds
/// and estimated on the later, and the other way round: who wins by luck on a half is not favoured
/// on the other. (Even and odd rounds are neighbours, which are often alike: they are the halves
/// only of what was measured at different times.) The same holds for the two sizes between which a
/// crossover lies.
namespace crossover {

/// What a run has measured of one configuration so far.
struct Result {
  Series samples;  ///< ok and noisy ones, at most one a round
  int noisy = 0;
  int failed = 0;
  std::string failure;          ///< why a sample failed, the first time
  std::string skipped;          ///< why it is not measured (any more), or empty
  std::int64_t iterations = 0;  ///< of the last sample: where the next one starts from
  double sample_s = 0;  ///< wall time the last sample took, set-up and verification included
};

/// The results of a plan, index by index.
using Results = std::vector<Result>;

/// Takes a row into account. A `failed` row ends nothing: the next round tries again.
void add_row(Result& result, const Row& row);

/// How alike neighbouring rounds are, model by model: the mean over a model's configurations,
/// because one series is too short to tell.
class Correlations {
 public:
  Correlations(const std::vector<Planned>& plan, const Results& results);
  /// Of this model's times; 0 where too few rounds tell.
  double of(const std::string& model) const;
  /// "openmp (0.62)": the models whose intervals are wider for it.
  std::vector<std::string> named() const;

 private:
  std::map<std::string, double> by_model_;
};

/// The fastest of some forms.
struct Best {
  std::size_t form = 0;  ///< index in the plan
  Series series;         ///< its times; a round's from the form that the other half chose
  std::vector<std::size_t> tied{};  ///< forms that cannot be told from it
};

/// None where nothing was measured.
std::optional<Best> best_of(const std::vector<std::size_t>& forms, const Results& results);

/// The median of b / a over the rounds that both have; none without such a round.
std::optional<Estimate> ratio_of(Rounds b, Rounds a, double correlation);

/// A straight line between two sizes further apart than this says too little for a value.
inline constexpr double kWidestBracket = 4;

/// Where a contest's `a` overtakes `b`.
struct Crossing {
  enum class Kind {
    always,         ///< a is faster at every common size
    never,          ///< a is faster at none
    crossover,      ///< a is faster from `elements` on
    not_monotonic,  ///< a was faster somewhere, but not at the largest size
    no_common_sizes,
  };
  Kind kind = Kind::no_common_sizes;
  Estimate elements{};
  /// The last common size at which a is not faster, and the next.
  std::uint64_t below = 0;
  std::uint64_t above = 0;
  int sizes = 0;      ///< that both were measured at
  bool clean = true;  ///< false for a crossover after which a's earlier lead was lost once

  /// A crossover of which only the sizes around it are known: they are more than kWidestBracket
  /// times apart.
  bool wide() const;
  /// "always", "23.4 Ki [21.0 Ki, 25.1 Ki]", "23.4 Ki (not monotonic)", "between 1.00 Ki and
  /// 256 Ki" where it is wide: the report's words too.
  std::string text() const;
};

/// Between two sizes times are taken to grow in proportion to what is added (Hockney's latency and
/// rate), so that the crossing is where two straight lines meet.
Crossing crossing_of(const Contest& contest, const Results& results, double correlation);

}  // namespace crossover
