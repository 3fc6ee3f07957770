#include "common/harness/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <limits>
#include <set>

#include "common/cold.hpp"
#include "common/plural.hpp"

namespace crossover {

namespace {

bool contains(const auto& range, const auto& value) {
  return std::find(std::begin(range), std::end(range), value) != std::end(range);
}

/// What the options want of one model.
struct Wanted {
  Model* model = nullptr;
  bool named = false;                 // in `--models`, rather than in the default set
  std::vector<std::string> variants;  // by name; empty: by role
};

std::vector<Wanted> wanted_models(const Options& options,
                                  std::span<const std::unique_ptr<Model>> models) {
  std::vector<Wanted> all;
  for (const std::unique_ptr<Model>& model : models) {
    Wanted wanted{model.get(), false, {}};
    bool whole = options.models.empty();
    for (const ModelChoice& choice : options.models) {
      if (choice.model != model->name()) continue;
      wanted.named = true;
      if (choice.variant.empty()) {
        whole = true;
      } else {
        wanted.variants.push_back(choice.variant);
      }
    }
    if (!whole && !wanted.named) continue;
    if (whole) wanted.variants.clear();
    all.push_back(std::move(wanted));
  }
  return all;
}

/// The sizes to measure a workload at.
const std::vector<std::uint64_t>& sizes_for(const Workload& workload, const Options& options) {
  const bool meant = options.sizes_given && contains(options.workloads, workload.name);
  return workload.sizes.empty() || meant ? options.sizes : workload.sizes;
}

/// The types to measure a workload in.
std::vector<ElementType> types_for(const Workload& workload, const Options& options) {
  if (workload.types.size() == 1) return workload.types;
  std::vector<ElementType> types = options.types;
  std::erase_if(types, [&](ElementType type) { return !contains(workload.types, type); });
  return types;
}

/// The worker counts to measure a workload with.
std::vector<int> threads_for(const Workload& workload, const Options& options,
                             const Topology& topology) {
  const std::vector<int> counts =
      options.threads ? *options.threads : topology.automatic_thread_counts();
  if (workload.workers == nullptr) return counts;
  return workload.workers(counts, !options.threads.has_value(), topology.usable_cores());
}

/// Every variant that `--models` names must exist for a workload and type that are asked for.
void check_variants(const Wanted& wanted, const std::vector<const Workload*>& chosen,
                    const Options& options) {
  for (const std::string& name : wanted.variants) {
    std::vector<std::string> known;
    for (const Workload* workload : chosen) {
      for (const ElementType type : types_for(*workload, options)) {
        for (const Variant& variant : wanted.model->variants(*workload, type)) {
          if (!contains(known, variant.name)) known.push_back(variant.name);
        }
      }
    }
    if (!contains(known, name)) {
      throw PlanError(
          fmt::format("--models: {} has no variant '{}' for these workloads and types; "
                      "it has {}",
                      wanted.model->name(), name, fmt::join(known, ", ")));
    }
  }
}

std::vector<const Workload*> chosen_workloads(const Options& options) {
  std::vector<const Workload*> chosen;
  for (const Workload& workload : workloads()) {
    if (options.workloads.empty() ? workload.in_presets
                                  : contains(options.workloads, workload.name)) {
      chosen.push_back(&workload);
    }
  }
  return chosen;
}

std::vector<Variant> chosen_variants(const Wanted& wanted, const Workload& workload,
                                     ElementType type, const Options& options) {
  std::vector<Variant> chosen;
  for (Variant& variant : wanted.model->variants(workload, type)) {
    const bool take = wanted.variants.empty()
                          ? options.all_variants || variant.role != Variant::Role::step
                          : contains(wanted.variants, variant.name);
    if (take) chosen.push_back(std::move(variant));
  }
  return chosen;
}

std::uint64_t total_elements(std::uint64_t size, int workers, bool per_worker) {
  if (!per_worker) return size;
  const auto count = static_cast<std::uint64_t>(workers);
  if (size > std::numeric_limits<std::uint64_t>::max() / 64 / count) {
    throw PlanError(fmt::format("--sizes: {} on each of {} are too many", counted(size, "element"),
                                counted(workers, "worker")));
  }
  return size * count;
}

/// A cost's sizes count what an operation does, such as threads that it creates, and not elements
/// of an array: a size for arrays would keep it busy for hours.
void check_cost(const Configuration& what) {
  constexpr double kMostSeconds = 3600;
  const double seconds = static_cast<double>(what.elements) * what.workload->guess_s;
  if (seconds <= kMostSeconds) return;
  throw PlanError(
      fmt::format("--sizes: an operation of {} with {} times one {} would take about {:.0f} hours; "
                  "at most {:.0f} "
                  "are measured",
                  what.workload->name, what.elements, what.workload->unit, seconds / 3600,
                  kMostSeconds / what.workload->guess_s));
}

/// What there is to measure of one variant: one entry for each cache, device and worker count.
class VariantPlan {
 public:
  VariantPlan(const Options& options, const Topology& topology, std::vector<Planned>& plan)
      : options_(options), topology_(topology), plan_(plan) {}

  /// `size` is that of `--sizes`; `what` lacks elements, workers, device and cache.
  void add(Configuration what, const Variant& variant, std::uint64_t size, Model& model,
           const std::vector<std::pair<Devices, std::vector<int>>>& workers) {
    const bool per_worker = what.workload->per_worker || options_.scaling == Scaling::weak;
    for (const Cache cache : caches_for(*what.workload)) {
      what.cache = cache;
      for (const auto& [devices, counts] : workers) {
        what.device = devices;
        for (const int count : counts) {
          const bool asked = !variant.within_threads || options_.threads;
          if (!asked && count > topology_.usable_threads()) continue;
          what.workers = count;
          what.elements = total_elements(size, count, per_worker);
          check_cost(what);
          if (left_to_one_size(what, variant, size, count == counts.back())) continue;
          plan_.push_back(planned(what, variant, model));
        }
      }
    }
  }

 private:
  /// What is not on arrays is measured as it is: it brings its own memory, or none.
  std::vector<Cache> caches_for(const Workload& workload) const {
    return workload.on_arrays() ? options_.caches : std::vector{Cache::warm};
  }

  /// A preset sweeps a device's workers at one size, by the variant that is for it, on the device's
  /// own clock.
  bool left_to_one_size(const Configuration& what, const Variant& variant, std::uint64_t size,
                        bool all) const {
    if (what.device.is_cpus() || options_.sms_given) return false;
    if (!variant.swept) return !all;
    return size != options_.quoted_elements || what.scope != Scope::kernel;
  }

  Planned planned(const Configuration& what, const Variant& variant, Model& model) const {
    if (what.cache == Cache::cold && what.device.is_cpus() && *cold_unavailable() != '\0') {
      return {what, {}, nullptr, cold_unavailable(), variant.role};
    }
    // A device's workers are not threads: one host thread looks after them.
    return {what,
            what.device.is_cpus() ? topology_.place(what.workers, options_.pin)
                                  : topology_.place(1, Pin::none),
            &model,
            {},
            variant.role};
  }

  const Options& options_;
  const Topology& topology_;
  std::vector<Planned>& plan_;
};

Sweeps sweeps_of(const Options& options) {
  Sweeps sweeps;
  // A list of none means 1, 2, 4, ... to a model.
  sweeps.sms = options.sms_given ? options.sms : std::vector<int>{};
  sweeps.devices = options.devices;
  return sweeps;
}

std::vector<std::pair<Devices, std::vector<int>>> workers_of(const Model& model,
                                                             const Sweeps& sweeps) {
  try {
    return model.workers(sweeps);
  } catch (const std::invalid_argument& error) {
    throw PlanError(error.what());
  }
}

/// The entries of a model that is only in the default set and cannot run here.
void add_skipped(const Model& model, const std::string& reason,
                 const std::vector<const Workload*>& chosen, const Options& options,
                 std::vector<Planned>& plan) {
  for (const Workload* workload : chosen) {
    for (const ElementType type : types_for(*workload, options)) {
      const Configuration what{.workload = workload,
                               .type = type,
                               .model = std::string(model.name()),
                               .variant = "best",
                               .workers = 0,
                               .device = Devices::none()};
      plan.push_back({what, {}, nullptr, reason, Variant::Role::best});
    }
  }
}

/// Where a team's memory lies: on the NUMA node on which all of its workers run or, where that are
/// several, in parts that depend on how many they are.
std::string place_of(const Planned& planned, const Topology& topology) {
  const Placement& placement = planned.placement;
  const std::vector<int>& cpus = placement.cpus.empty() ? placement.allowed : placement.cpus;
  std::set<int> nodes;
  for (const HardwareThread& thread : topology.threads) {
    if (contains(cpus, thread.cpu)) nodes.insert(thread.numa_node);
  }
  if (nodes.size() == 1) return fmt::format("node {}", *nodes.begin());
  return fmt::format("{} workers", planned.configuration.workers);
}

void number_blocks(const Topology& topology, std::vector<Planned>& plan) {
  std::map<std::string, std::size_t> numbers;
  const auto number = [&](const std::string& key) {
    return numbers.emplace(key, numbers.size()).first->second;
  };
  for (Planned& planned : plan) {
    const Configuration& what = planned.configuration;
    std::string_view memory;
    if (planned.model != nullptr) memory = planned.model->offer(what).memory;
    const std::string block =
        memory.empty() ? what.name() + '@' + what.device.name()
                       : fmt::format("{}/{}/{}/{}/{}", memory, name(what.type), what.elements,
                                     place_of(planned, topology), name(what.cache));
    const std::string data = block + ' ' + what.workload->name;
    planned.block = number(block);
    planned.data = number(data);
    planned.team = number(fmt::format("{} {}", data, what.workers));
  }
}

}  // namespace

std::vector<Planned> make_plan(const Options& options,
                               std::span<const std::unique_ptr<Model>> models,
                               const Topology& topology) {
  const std::vector<const Workload*> chosen = chosen_workloads(options);
  std::vector<Wanted> runnable;
  std::vector<Planned> plan;
  for (Wanted& wanted : wanted_models(options, models)) {
    if (const std::string reason = wanted.model->unavailable(); !reason.empty()) {
      if (wanted.named) {
        throw PlanError(
            fmt::format("--models: {} cannot run here: {}", wanted.model->name(), reason));
      }
      add_skipped(*wanted.model, reason, chosen, options, plan);
      continue;
    }
    check_variants(wanted, chosen, options);
    runnable.push_back(std::move(wanted));
  }

  Sweeps sweeps = sweeps_of(options);
  VariantPlan variant_plan(options, topology, plan);
  for (const Workload* workload : chosen) {
    sweeps.threads = threads_for(*workload, options, topology);
    std::vector<std::vector<std::pair<Devices, std::vector<int>>>> workers;
    for (const Wanted& wanted : runnable) workers.push_back(workers_of(*wanted.model, sweeps));
    for (const ElementType type : types_for(*workload, options)) {
      for (const std::uint64_t size : sizes_for(*workload, options)) {
        for (std::size_t m = 0; m < runnable.size(); ++m) {
          Model& model = *runnable[m].model;
          for (const Variant& variant : chosen_variants(runnable[m], *workload, type, options)) {
            for (const Scope scope : variant.scopes) {
              if (options.scopes && !contains(*options.scopes, scope)) continue;
              variant_plan.add({.workload = workload,
                                .type = type,
                                .model = std::string(model.name()),
                                .variant = variant.name,
                                .scope = scope,
                                .device = {}},
                               variant, size, model, workers[m]);
            }
          }
        }
      }
    }
  }

  if (!options.filter.empty()) {
    const RE2 filter(options.filter);
    std::erase_if(plan, [&](const Planned& planned) {
      return !RE2::PartialMatch(planned.configuration.name(), filter);
    });
  }
  if (std::none_of(plan.begin(), plan.end(), [](const Planned& p) { return p.model != nullptr; })) {
    if (!options.filter.empty()) {
      throw PlanError(fmt::format(
          "--filter: no configuration matches '{}'; --list without it prints all", options.filter));
    }
    throw PlanError(
        fmt::format("nothing to measure: {}",
                    plan.empty() ? "no variant has these scopes and types" : plan.front().skip));
  }
  number_blocks(topology, plan);
  return plan;
}

}  // namespace crossover
