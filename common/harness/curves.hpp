#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"

/// What a run compares: a plan's configurations put together into curves.
namespace crossover {

/// What is compared with one another: times of one workload in one type, warm or cold.
struct Subject {
  const Workload* workload = nullptr;
  ElementType type = ElementType::none;
  Cache cache = Cache::warm;

  bool operator==(const Subject&) const = default;
  /// "reduce f32", "reduce f32, cold".
  std::string title() const;
};

/// Indices of a plan by size, in elements.
using Forms = std::map<std::uint64_t, std::vector<std::size_t>>;

/// A model at a scope on a device: one curve. At each size it may have several forms (variants,
/// worker counts), of which the fastest is the curve's point.
struct Curve {
  std::string name;  ///< "cuda (offload) gpu1": no more than tells it from the others
  std::string model;
  Scope scope = Scope::resident;
  Devices device;
  Forms forms;
};

/// A question for a crossover: from which size on is `a` faster than `b`?
struct Contest {
  std::string a;
  std::string b;
  Forms forms_a;
  Forms forms_b;
};

/// A subject with all that competes in it.
struct Arena {
  Subject subject{};
  std::vector<Curve> curves{};      ///< in the plan's order
  Forms one_worker{};               ///< of all CPU models together, on one worker
  Forms cpus{};                     ///< of all CPU models together
  std::vector<Contest> contests{};  ///< all workers of every CPU model against one worker, every
                                    ///< device against the CPUs
  std::uint64_t chosen = 0;         ///< the size at which rates are quoted, in elements
  std::uint64_t second = 0;         ///< a size in the caches, for scaling; 0: there is none
  bool is_cost = false;             ///< of a workload that is not on arrays
};

/// The arenas of a plan. The size at which rates are quoted is chosen here, before anything has
/// been measured: the largest that `--sizes` names, or the preset's.
std::vector<Arena> arenas_of(const std::vector<Planned>& plan, const Options& options);

}  // namespace crossover
