#include "common/harness/model_list.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crossover {

KnownNames known_names(const Models& models) {
  KnownNames known;
  for (const Workload& workload : workloads()) known.workloads.emplace_back(workload.name);
  for (const auto& model : models) known.models.emplace_back(model->name());
  return known;
}

std::vector<std::string> appended_columns(const Models& models) {
  std::vector<std::string> columns;
  for (const auto& model : models) {
    if (!model->unavailable().empty()) continue;
    for (const std::string_view column : model->columns()) {
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
        columns.emplace_back(column);
      }
    }
  }
  return columns;
}

nlohmann::ordered_json describe_hardware(const Models& models) {
  auto all = nlohmann::ordered_json::object();
  for (const auto& model : models) all.update(nlohmann::ordered_json(model->hardware()));
  return all;
}

nlohmann::ordered_json describe_models(const Models& models) {
  auto facts = nlohmann::ordered_json::object();
  for (const auto& model : models) {
    for (const auto& [fact, value] : model->facts()) {
      facts[std::string(model->name())][fact] = value;
    }
  }
  return facts;
}

std::string lost_process(const Models& models) {
  for (const auto& model : models) {
    if (const std::string lost = model->lost(); !lost.empty()) {
      return fmt::format("{}: {}", model->name(), lost);
    }
  }
  return {};
}

}  // namespace crossover
