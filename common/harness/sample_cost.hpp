#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "common/harness/answers.hpp"
#include "common/harness/plan.hpp"

namespace crossover {

/// What a sample of each configuration will cost in wall time, set-up and verification included:
/// first a guess from bytes and workers, then what its own last sample took, or how much the
/// nearest sample of the same model and variant was off its guess.
class SampleCosts {
 public:
  SampleCosts(const std::vector<Planned>& plan, double min_time_s);

  /// Of one configuration, in seconds.
  double predict(std::size_t index, const Results& results) const;

 private:
  const std::vector<Planned>& plan_;
  std::vector<double> guesses_;                  ///< by configuration, s
  std::vector<std::vector<std::size_t>> alike_;  ///< by group: its configurations
  std::vector<std::size_t> group_;               ///< by configuration
};

}  // namespace crossover
