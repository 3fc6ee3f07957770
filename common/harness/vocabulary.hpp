#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "common/harness/model_list.hpp"

/// The words of a run, with their meaning, for its JSON: whoever reads the results needs no list of
/// workloads, variants or columns of their own.
namespace crossover {

/// {name, unit, group, meaning}
nlohmann::ordered_json describe(const Column& column);

/// The columns that the models which can run here append to the CSV, each once.
nlohmann::ordered_json appended_columns(const Models& models);

/// Adds to `columns` those of `more` that are not there.
void merge_columns(nlohmann::ordered_json& columns, const nlohmann::ordered_json& more);

std::vector<std::string> column_names(const nlohmann::ordered_json& columns);

/// {workloads, models, scopes, columns}: all that there are, in the order of the documentation.
///
///   workloads: {name, summary, kind "array" or "cost", pattern, unit, types, passes, flops,
///     family, parameter}: see Workload
///   models: {name, processor, workloads: {a workload's name: its variants {name, role, scopes},
///     the ladder's first step first}}, of costs that no preset measures those in `named` alone;
///     `processor` is "gpu" where a device has a clock or a memory of its own, else "cpu", and null
///     for a model that this build leaves out
///   scopes: {name, meaning}
///   columns: {name, unit, group, meaning}: row_columns(), then `columns`
nlohmann::ordered_json describe_vocabulary(const Models& models,
                                           const nlohmann::ordered_json& columns,
                                           const std::vector<const Workload*>& named);

}  // namespace crossover
