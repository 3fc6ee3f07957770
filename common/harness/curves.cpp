#include "common/harness/curves.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace crossover {
namespace {

/// Names that tell the curves of a model apart: by scope where it is not the usual one, by device
/// where the model has several.
class Names {
 public:
  explicit Names(const std::vector<Planned>& plan) {
    for (const Planned& planned : plan) {
      const Configuration& what = planned.configuration;
      devices_[what.model].insert(what.device.name());
    }
  }
  std::string of(const Configuration& what) const {
    std::string text = what.model;
    if (what.scope != Scope::resident) text += fmt::format(" ({})", crossover::name(what.scope));
    if (devices_.at(what.model).size() > 1) text += ' ' + what.device.name();
    return text;
  }

 private:
  std::map<std::string, std::set<std::string>> devices_;  // by model
};

void add(Arena& arena, const std::string& name, const Configuration& what, std::size_t index) {
  auto at = std::find_if(arena.curves.begin(), arena.curves.end(),
                         [&](const Curve& curve) { return curve.name == name; });
  if (at == arena.curves.end()) {
    at = arena.curves.insert(at, {name, what.model, what.scope, what.device, {}});
  }
  at->forms[what.elements].push_back(index);
  if (what.device.is_cpus()) {
    arena.cpus[what.elements].push_back(index);
    if (what.workers == 1) arena.one_worker[what.elements].push_back(index);
  }
}

void choose_sizes(Arena& arena, const Options& options) {
  std::set<std::uint64_t> sizes;
  for (const Curve& curve : arena.curves) {
    for (const auto& [elements, forms] : curve.forms) {
      if (elements > 0) sizes.insert(elements);
    }
  }
  if (sizes.empty()) return;
  auto chosen = std::prev(sizes.end());
  if (options.scaling == Scaling::strong) {
    const auto above = sizes.upper_bound(options.quoted_elements);
    if (above != sizes.begin()) chosen = std::prev(above);
  }
  arena.chosen = *chosen;
  const auto below = std::distance(sizes.begin(), chosen);
  if (below >= 2) arena.second = *std::next(sizes.begin(), below / 2);
}

/// The forms with the most workers, where that is more than one.
Forms whole_teams(const Forms& forms, const std::vector<Planned>& plan) {
  int most = 1;
  for (const auto& [elements, indices] : forms) {
    for (const std::size_t index : indices) {
      most = std::max(most, plan[index].configuration.workers);
    }
  }
  Forms teams;
  if (most == 1) return teams;
  for (const auto& [elements, indices] : forms) {
    for (const std::size_t index : indices) {
      if (plan[index].configuration.workers == most) teams[elements].push_back(index);
    }
  }
  return teams;
}

}  // namespace

std::string Subject::title() const {
  return fmt::format("{} {}{}", workload->name, name(type), cache == Cache::cold ? ", cold" : "");
}

std::vector<Arena> arenas_of(const std::vector<Planned>& plan, const Options& options) {
  const Names names(plan);
  std::vector<Arena> all;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Configuration& what = plan[i].configuration;
    if (plan[i].model == nullptr) continue;
    const Subject subject{what.workload, what.type, what.cache};
    auto at = std::find_if(all.begin(), all.end(),
                           [&](const Arena& arena) { return arena.subject == subject; });
    if (at == all.end()) at = all.insert(at, Arena{.subject = subject});
    add(*at, names.of(what), what, i);
  }
  for (Arena& arena : all) {
    arena.is_cost = !arena.subject.workload->on_arrays();
    choose_sizes(arena, options);
    if (arena.is_cost) continue;
    for (const Curve& curve : arena.curves) {
      if (curve.scope == Scope::kernel) continue;  // no caller waits for that
      if (!curve.device.is_cpus() && !arena.cpus.empty()) {
        arena.contests.push_back({curve.name, "the best CPU form", curve.forms, arena.cpus});
      } else if (Forms teams = whole_teams(curve.forms, plan);
                 !teams.empty() && !arena.one_worker.empty()) {
        arena.contests.push_back({curve.name, "one worker", std::move(teams), arena.one_worker});
      }
    }
  }
  return all;
}

}  // namespace crossover
