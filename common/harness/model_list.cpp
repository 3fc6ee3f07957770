#include "common/harness/model_list.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "common/harness/text.hpp"

namespace crossover {

namespace {

/// The workloads' names for people: of a family, its first and its last.
std::vector<std::string> shown_names(const std::vector<Workload>& all) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::size_t last = i;
    while (!all[i].family.empty() && last + 1 < all.size() &&
           all[last + 1].family == all[i].family) {
      ++last;
    }
    names.push_back(last == i ? all[i].name : all[i].name + " ... " + all[last].name);
    i = last;
  }
  return names;
}

}  // namespace

KnownNames known_names(const Models& models) {
  KnownNames known;
  for (const Workload& workload : workloads()) {
    known.workloads.push_back(workload.name);
    if (workload.in_presets) known.default_workloads.push_back(workload.name);
  }
  known.shown_workloads = shown_names(workloads());
  for (const auto& model : models) known.models.emplace_back(model->name());
  return known;
}

std::string refuse_names(const std::vector<Workload>& all) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyz0123456789-_";
  std::set<std::string> seen;
  for (const Workload& workload : all) {
    if (workload.name.empty() || workload.name.find_first_not_of(kAllowed) != std::string::npos) {
      return fmt::format(
          "a workload is called {}; a name has small letters, digits, - and _ and nothing else: "
          "change kName in its file",
          in_quotes(workload.name));
    }
    if (!seen.insert(workload.name).second) {
      return fmt::format(
          "two workloads are called {}; give your own another name: change kName in its file",
          in_quotes(workload.name));
    }
  }
  return {};
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
