#pragma once

#include <cstdint>
#include <vector>

#include "common/buffer.hpp"
#include "common/workload.hpp"

namespace crossover::cpu {

/// What a worker has done; on a line pair of its own.
struct alignas(kLinePair) Done {
  std::uint64_t tasks = 0;
  std::uint64_t results = 0;  ///< wrapping sum of the tasks' results
};

/// Compares what the workers have done with `tasks` tasks whose results add up to `results`.
Verdict verify_done(const std::vector<Done>& done, std::uint64_t tasks, std::uint64_t results);

}  // namespace crossover::cpu
