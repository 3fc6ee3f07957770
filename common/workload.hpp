#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/element.hpp"

/// What the models are asked to do. A workload is described once, here: its name, its types, the
/// bytes it moves, its input, its reference and its error bound. How it is done is a function of
/// each model.
namespace crossover {

/// The result of a verification.
struct Verdict {
  double error = 0;      ///< relative error against the reference; 0 = exact, NaN = not a number
  bool correct = false;  ///< whether the error is within the bound that the algorithm guarantees
  std::string note;      ///< what is wrong, for a result that is not correct
};

/// The part of a workload that the harness sees.
struct Workload {
  std::string_view name;
  std::string_view summary;  ///< one line for `--help` and reports
  /// Those it is offered for; a workload of one type is measured in it whatever `--types` says.
  std::vector<ElementType> types;
  /// The fewest bytes that one operation on `elements` elements can move; the same for all models.
  /// Zero for a workload that is not about moving data: its results are times a unit, not rates.
  double (*bytes)(ElementType type, std::uint64_t elements);

  /// What one of `elements` is, for summaries and reports: "time per increment".
  std::string_view unit = "element";
  /// Its own sizes, which `--sizes` replaces only where `--workloads` names the workload (a size
  /// for arrays would keep it busy for hours); empty: those of `--sizes` or the preset.
  std::vector<std::uint64_t> sizes{};
  /// Whether sizes count per worker whatever `--scaling` says.
  bool per_worker = false;
  /// Whether more workers than hardware threads are part of the question, and no disturbance.
  bool oversubscribes = false;
  /// The worker counts to measure, of those of `--threads`, which are `automatic` when it was not
  /// given, on a machine of `cores` physical cores. Null: all of them.
  std::vector<int> (*workers)(const std::vector<int>& counts, bool automatic, int cores) = nullptr;

  /// Whether it is about moving data, so that its results are rates.
  bool moves_data() const;
};

/// All workloads, in the order of the documentation. Entries live as long as the program.
const std::vector<Workload>& workloads();

/// The workload of that name, or nullptr.
const Workload* find_workload(std::string_view name);

}  // namespace crossover
