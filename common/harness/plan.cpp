#include "common/harness/plan.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <limits>
#include <regex>

#include "common/harness/parse.hpp"

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
  const bool meant = options.given.contains("sizes") && contains(options.workloads, workload.name);
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
    if (options.workloads.empty() || contains(options.workloads, workload.name)) {
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
    throw PlanError(
        fmt::format("--sizes: {} elements on each of {} workers are too many", size, workers));
  }
  return size * count;
}

}  // namespace

std::vector<Planned> make_plan(const Options& options,
                               std::span<const std::unique_ptr<Model>> models,
                               const Topology& topology) {
  Sweeps sweeps;
  if (options.sms == "auto") {
    sweeps.sms.emplace();
  } else if (options.sms != "all") {
    sweeps.sms = parse_counts(options.sms, kMostWorkers);
  }
  sweeps.devices = options.devices;

  const std::vector<const Workload*> chosen = chosen_workloads(options);
  std::vector<Wanted> runnable;
  std::vector<Planned> plan;
  for (Wanted& wanted : wanted_models(options, models)) {
    if (const std::string reason = wanted.model->unavailable(); !reason.empty()) {
      if (wanted.named) {
        throw PlanError(
            fmt::format("--models: {} cannot run here: {}", wanted.model->name(), reason));
      }
      for (const Workload* workload : chosen) {
        for (const ElementType type : types_for(*workload, options)) {
          plan.push_back({{workload, type, std::string(wanted.model->name()), "best",
                           Scope::resident, 0, 0, "none"},
                          {},
                          nullptr,
                          reason});
        }
      }
      continue;
    }
    check_variants(wanted, chosen, options);
    runnable.push_back(std::move(wanted));
  }

  for (const Workload* workload : chosen) {
    sweeps.threads = threads_for(*workload, options, topology);
    std::vector<std::vector<std::pair<std::string, std::vector<int>>>> workers;
    for (const Wanted& wanted : runnable) {
      try {
        workers.push_back(wanted.model->workers(sweeps));
      } catch (const std::invalid_argument& error) {
        throw PlanError(error.what());
      }
    }
    const bool per_worker = workload->per_worker || options.scaling == Scaling::weak;
    for (const ElementType type : types_for(*workload, options)) {
      for (const std::uint64_t size : sizes_for(*workload, options)) {
        for (std::size_t m = 0; m < runnable.size(); ++m) {
          for (const Variant& variant : chosen_variants(runnable[m], *workload, type, options)) {
            for (const Scope scope : variant.scopes) {
              if (options.scopes && !contains(*options.scopes, scope)) continue;
              for (const auto& [device, counts] : workers[m]) {
                for (const int count : counts) {
                  if (variant.within_threads && !options.threads &&
                      count > topology.usable_threads()) {
                    continue;
                  }
                  plan.push_back(
                      {{workload, type, std::string(runnable[m].model->name()), variant.name, scope,
                        total_elements(size, count, per_worker), count, device},
                       // A device's workers are not threads: one host thread looks after them.
                       device == "cpu" ? topology.place(count, options.pin)
                                       : topology.place(1, Pin::none),
                       runnable[m].model,
                       {}});
                }
              }
            }
          }
        }
      }
    }
  }

  if (!options.filter.empty()) {
    const std::regex filter(options.filter);
    std::erase_if(plan, [&](const Planned& planned) {
      return !std::regex_search(planned.configuration.name(), filter);
    });
  }
  if (std::none_of(plan.begin(), plan.end(), [](const Planned& p) { return p.model != nullptr; })) {
    throw PlanError(options.filter.empty()
                        ? std::string("nothing to measure: no variant has these scopes and types")
                        : fmt::format("--filter: no configuration matches '{}'; --list without it "
                                      "prints all",
                                      options.filter));
  }
  return plan;
}

}  // namespace crossover
