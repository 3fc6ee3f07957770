#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/harness/answers.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/schedule.hpp"

namespace crossover {

/// What a summary is made of.
struct SummaryOf {
  std::string machine_line;
  /// The machine's description: what the devices' memory can do at most.
  const nlohmann::ordered_json& machine;
  const std::vector<Planned>& plan;
  const Results& results;
  const Schedule& schedule;
  std::string csv;  ///< the results' path, for the command that goes on
};

/// The screenful at the end of a run: what was not measured, then for each subject the fastest, and
/// for each curve its rate at the size that was chosen beforehand, its speed-up over the best
/// single worker and the size from which it is ahead, each with its 95 % interval, then the costs
/// and how quiet the machine was. `short`: at most 30 lines, those of kernels first to go; `full`:
/// all, and every variant.
std::string summarise(const SummaryOf& run, Summary length);

/// What the run's JSON says of the plan: the sizes that rates are quoted at, and what was left out
/// for want of time: by workload/type/model/variant/scope/cache/device, elements and workers.
nlohmann::ordered_json describe_plan(const SummaryOf& run);

}  // namespace crossover
