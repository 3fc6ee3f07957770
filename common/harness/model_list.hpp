#pragma once

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/harness/options.hpp"
#include "common/model.hpp"

/// What the harness asks of all models at once.
namespace crossover {

using Models = std::vector<std::unique_ptr<Model>>;

KnownNames known_names(const Models& models);

/// The columns that the models which can run here append to the CSV, each once.
std::vector<std::string> appended_columns(const Models& models);

/// What the models run on besides the CPUs, in the machine's description.
nlohmann::ordered_json describe_hardware(const Models& models);

/// Each model's facts, by its name.
nlohmann::ordered_json describe_models(const Models& models);

/// Which process the run cannot go on without has ended, or empty.
std::string lost_process(const Models& models);

}  // namespace crossover
