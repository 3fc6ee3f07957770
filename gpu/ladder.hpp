#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "common/model.hpp"
#include "gpu/work.hpp"

/// Which variants there are, and which is best where.
namespace crossover::gpu {

/// A variant on a device: a step of a ladder, or a library.
struct Rung {
  Variant variant;
  Make make{};
  bool on_some = false;              ///< it can be limited to some multiprocessors
  std::vector<ElementType> types{};  ///< those it is for; empty: all of the workload's
};

/// The variants of a workload on arrays in the scopes `resident` and `kernel`: the ladder's first
/// step first, libraries last.
std::vector<Rung> ladder(const Workload& workload);

/// What the choice of the best step depends on.
struct Situation {
  int multiprocessors = 0;
  bool bulk = false;  ///< bulk copies can run
  std::uint64_t bytes = 0;
  bool limited = false;  ///< to some of the multiprocessors
};

/// The step that `best` stands for.
Step best_step(const Workload& workload, const Situation& situation);

/// best_step()'s rule in words, for the record of a run.
std::string best_rule(const Workload& workload, int multiprocessors, bool bulk);

/// The work of the best step for the target.
Work best(const Target& target);

}  // namespace crossover::gpu
