#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/harness/options.hpp"
#include "common/model.hpp"

/// What the harness asks of all models and workloads at once.
namespace crossover {

/// In the order of the documentation; the first is the one that the others are compared with.
using Models = std::vector<std::unique_ptr<Model>>;

KnownNames known_names(const Models& models);

/// Why these workloads cannot be told apart by their names on the command line, or empty: one line.
/// A workload of the user's own may have taken a name, or have one that is none.
std::string refuse_names(const std::vector<Workload>& all);

/// What the models run on besides the CPUs, in the machine's description.
nlohmann::ordered_json describe_hardware(const Models& models);

/// Each model's facts, by its name.
nlohmann::ordered_json describe_models(const Models& models);

/// Which process the run cannot go on without has ended, or empty.
std::string lost_process(const Models& models);

}  // namespace crossover
