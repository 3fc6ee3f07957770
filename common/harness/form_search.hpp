#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/forms.hpp"
#include "common/harness/plan.hpp"

/// Chooses the forms of the loops before round one, by trying them on this machine.
///
/// Where a worker's part lies decides which form is fastest: in a core's first or second cache, in
/// what is sixteen times as large, or beyond. Of each of these ranges that the plan has sizes in,
/// the forms are tried in turns in a part of the middle size, or of the plan's largest: first all
/// of them, then those that were within a tenth of the best, and the best is by each one's fastest
/// turn (what disturbs only makes slower). Of forms within a hundredth of it the plainest is taken,
/// so that two starts choose alike. The caches of a core are tried by one worker, what lies beyond
/// also by as many as the plan has at most.
///
/// Where an offer's configurations have forms of their own (a GPU's best), each of the plan's is
/// tried at its own size.
namespace crossover {

/// A core's own caches of data, in bytes.
struct CoreCaches {
  std::uint64_t first = 32 << 10;
  std::uint64_t second = 1 << 20;
};

/// Those of a machine's description (machine.cpu.caches), as far as it tells; a cache that cores
/// share is shared out.
CoreCaches core_caches(const nlohmann::ordered_json& machine);

struct FormSearch {
  const std::vector<Planned>& plan;
  std::span<const std::unique_ptr<Model>> models;
  const Topology& topology;
  Pin pin = Pin::cores;
  CoreCaches caches{};
  std::string fixed{};  ///< the form to take wherever there is one of that name
  double seconds = 0;   ///< for all of it; at most 3 s are taken for a workload in a type
  const std::atomic<bool>& interrupted;
};

struct FoundForms {
  ChosenForms forms;
  /// For the record's `forms`: [{workload, type, workers ("one" or "several"), up_to_bytes (of a
  /// worker's part; null: any), form, and what it was chosen by: fixed true, or workers_tried,
  /// bytes_tried (of the part), ahead_of_next (a ratio), tried [{form, gb_per_s}] the fastest
  /// first}]; of a configuration with forms of its own {configuration (its name), device, form,
  /// ahead_of_next, tried}].
  nlohmann::ordered_json description;
};

/// Throws PlanError for a fixed form that nothing in the plan has.
FoundForms find_forms(const FormSearch& search);

/// The forms of a record, for a run that goes on; what it does not hold, or what no model has, is
/// not chosen.
ChosenForms recorded_forms(const nlohmann::ordered_json& record,
                           std::span<const std::unique_ptr<Model>> models);

}  // namespace crossover
