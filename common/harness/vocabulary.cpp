#include "common/harness/vocabulary.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "common/harness/csv.hpp"

namespace crossover {
namespace {

using Json = nlohmann::ordered_json;

std::string_view name(Variant::Role role) {
  constexpr std::array<std::string_view, 3> names{"best", "library", "step"};
  return names[static_cast<std::size_t>(role)];
}
using crossover::name;

std::string_view meaning(Scope scope) {
  constexpr std::array<std::string_view, 3> meanings{
      "data already where the work runs; host clock, from the call until the host knows that the "
      "result is there",
      "data in device memory; device clock, around kernels back to back, with the gaps between "
      "their launches",
      "data starts and ends in host memory; host clock, around copy in, work and copy out"};
  return meanings[static_cast<std::size_t>(scope)];
}

template <class Values>
Json names_of(const Values& values) {
  Json names = Json::array();
  for (const auto value : values) names.push_back(name(value));
  return names;
}

Json describe(const Workload& workload) {
  return {{"name", workload.name},
          {"summary", workload.summary},
          {"kind", workload.on_arrays() ? "array" : "cost"},
          {"pattern", workload.pattern},
          {"unit", workload.unit},
          {"unit_bytes", workload.unit_bytes},
          {"types", names_of(workload.types)},
          {"passes", workload.passes},
          {"flops", workload.flops},
          {"family", workload.family},
          {"parameter", workload.parameter}};
}

Json describe(const Model& model, const std::vector<const Workload*>& named) {
  Json offered = Json::object();
  std::set<std::pair<const Workload*, std::string>> told;
  bool on_device = false;
  for (const Offer& offer : model.offers()) {
    const Workload& workload = *offer.workload;
    const Variant& variant = offer.variant;
    on_device |= std::any_of(variant.scopes.begin(), variant.scopes.end(),
                             [](Scope scope) { return scope != Scope::resident; });
    // Thousands of pairs of cores are nobody's to read where none was measured.
    const bool asked = workload.in_presets || workload.on_arrays() ||
                       std::find(named.begin(), named.end(), &workload) != named.end();
    if (!asked) continue;
    if (!told.emplace(&workload, variant.name).second) continue;  // an offer for another type
    offered[workload.name].push_back({{"name", variant.name},
                                      {"role", name(variant.role)},
                                      {"scopes", names_of(variant.scopes)}});
  }
  Json processor;
  if (!model.offers().empty()) processor = on_device ? "gpu" : "cpu";
  return {{"name", model.name()}, {"processor", processor}, {"workloads", offered}};
}

}  // namespace

Json describe(const Column& column) {
  return {{"name", column.name},
          {"unit", column.unit},
          {"group", column.group},
          {"meaning", column.meaning}};
}

void merge_columns(Json& columns, const Json& more) {
  for (const Json& column : more) {
    const bool there = std::any_of(columns.begin(), columns.end(), [&](const Json& known) {
      return known.at("name") == column.at("name");
    });
    if (!there) columns.push_back(column);
  }
}

Json appended_columns(const Models& models) {
  Json columns = Json::array();
  for (const int generation : {0, 1}) {
    for (const auto& model : models) {
      if (!model->unavailable().empty()) continue;
      for (const Column& column : model->columns()) {
        if (column.generation == generation)
          merge_columns(columns, Json::array({describe(column)}));
      }
    }
  }
  return columns;
}

std::vector<std::string> column_names(const Json& columns) {
  std::vector<std::string> names;
  for (const Json& column : columns) names.push_back(column.at("name").get<std::string>());
  return names;
}

Json describe_vocabulary(const Models& models, const Json& columns,
                         const std::vector<const Workload*>& named) {
  Json all{{"workloads", Json::array()},
           {"models", Json::array()},
           {"scopes", Json::array()},
           {"columns", Json::array()}};
  for (const Workload& workload : workloads()) all["workloads"].push_back(describe(workload));
  for (const auto& model : models) all["models"].push_back(describe(*model, named));
  for (const Scope scope : kScopes) {
    all["scopes"].push_back({{"name", name(scope)}, {"meaning", meaning(scope)}});
  }
  for (const Column& column : row_columns()) all["columns"].push_back(describe(column));
  merge_columns(all["columns"], columns);
  return all;
}

}  // namespace crossover
