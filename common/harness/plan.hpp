#pragma once

#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/harness/options.hpp"
#include "common/model.hpp"
#include "common/topology.hpp"

namespace crossover {

/// A configuration, where its workers run and who runs it.
struct Planned {
  Configuration configuration;
  Placement placement;
  Model* model = nullptr;  ///< null for a row that only says why there is nothing to measure
  std::string skip;        ///< why it is not measured, or empty
  Variant::Role role = Variant::Role::best;
  /// Its block's number: samples of one block follow one another and hand their memory on.
  std::size_t block = 0;
  /// Within a block samples of the same data follow one another and hand that on as well,
  std::size_t data = 0;
  /// within these those of teams that have the same parts of it in their caches.
  std::size_t team = 0;
};

/// The command line asks for what this machine or program does not have: one line, status 2.
class PlanError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// Everything the options ask for, in the order of workload, type, size, model, variant, scope,
/// cache, device and workers. A model that is only in the default set and cannot run here becomes
/// one skipped entry a workload and type. Throws PlanError.
std::vector<Planned> make_plan(const Options& options,
                               std::span<const std::unique_ptr<Model>> models,
                               const Topology& topology);

}  // namespace crossover
