#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/harness/csv.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/statistics.hpp"

namespace crossover {

/// What a run has measured of one configuration so far.
struct Result {
  std::vector<double> times_ns;  ///< of ok and noisy samples, one a round
  int noisy = 0;
  int failed = 0;
  std::string failure;          ///< why a sample failed, the first time
  std::string skipped;          ///< why it is not measured (any more), or empty
  std::int64_t iterations = 0;  ///< of the last sample: where the next one starts from
  double sample_s = 0;          ///< wall time a sample took, set-up and verification included
};

/// The results of a plan, index by index.
using Results = std::vector<Result>;

/// Takes a row into account. A `failed` row ends nothing: the next round tries again.
void add_row(Result& result, const Row& row);

/// The screenful at the end of a run: the machine, for each workload, type and cache every model's
/// best throughput and speed-up over the model `baseline`, and where one model overtakes another.
std::string summarise(const std::string& machine_line, const std::vector<Planned>& plan,
                      const Results& results, std::string_view baseline);

}  // namespace crossover
