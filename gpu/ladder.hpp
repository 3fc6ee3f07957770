#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model.hpp"

/// Which variants there are, and which is best where.
namespace crossover::gpu {

/// The variants of a workload, the ladder's first step first, libraries and transfers last.
std::vector<Variant> ladder(const Workload& workload, ElementType type);

/// What the choice of the best step depends on.
struct Target {
  int multiprocessors = 0;
  bool bulk = false;  ///< bulk copies can run
  std::uint64_t bytes = 0;
  bool limited = false;  ///< to some of the multiprocessors
};

/// The step that `best` stands for.
std::string best_step(const Workload& workload, const Target& target);

/// best_step()'s rule in words, for the record of a run.
std::string best_rule(const Workload& workload, int multiprocessors, bool bulk);

}  // namespace crossover::gpu
