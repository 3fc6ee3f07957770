#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/element.hpp"

/// What the models are asked to do, as the harness and the readers see it. A workload is described
/// once: one on arrays by its file under common/workloads/, a cost here. How it is done is a
/// function of each model.
namespace crossover {

/// The result of a verification.
struct Verdict {
  double error = 0;      ///< relative error against the reference; 0 = exact, NaN = not a number
  bool correct = false;  ///< whether the error is within the bound that the algorithm guarantees
  std::string note;      ///< what is wrong, for a result that is not correct
};

struct Workload {
  std::string name;
  std::string summary;  ///< one line for `--help` and reports
  /// Those it is offered for; a workload of one type is measured in it whatever `--types` says.
  std::vector<ElementType> types;
  /// How often one operation moves the bytes of an array at least, reading or writing; the same for
  /// all models. Zero for a workload that is not on arrays: its results are times a unit.
  int passes = 0;
  double flops = 0;       ///< arithmetic operations an element
  std::string pattern{};  ///< "map in place", "map", "sum"; empty for costs
  std::string family{};   ///< of workloads that differ by one number, which is `parameter`
  int parameter = 0;
  int arrays = 0;        ///< that an operation works on, all of the same size
  int first_read = 0;    ///< the first array that is read: 1 for a map into another one
  bool is_sum = false;   ///< its result is one number, not an array
  int array_index = -1;  ///< its place among the workloads on arrays (workloads/list.hpp)

  /// Whether it is measured when `--workloads` names none.
  bool in_presets = true;
  /// What one of `elements` is, for summaries and reports: "time per increment".
  std::string unit = "element";
  /// The memory that a unit of a cost lies in, for charts against its size; 0: none.
  int unit_bytes = 0;
  /// What a unit takes at most on an ordinary machine, in seconds: a first guess for the plan of a
  /// run, of a workload that is not on arrays.
  double guess_s = 0;
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

  /// Whether it works on arrays: its results are rates.
  bool on_arrays() const { return passes > 0; }
  /// Whether it is a cost whose units are bytes: its results are rates, and the times of few bytes.
  bool counts_bytes() const { return unit == "byte"; }
  /// The fewest bytes that one operation on `elements` elements can move; 0 of other costs.
  double bytes(ElementType type, std::uint64_t elements) const {
    if (counts_bytes()) return static_cast<double>(elements);
    return static_cast<double>(passes) * static_cast<double>(elements) *
           static_cast<double>(size_of(type));
  }
};

/// All workloads, in the order of the documentation: those on arrays, then the costs. Entries live
/// as long as the program, and are told apart by their address.
const std::vector<Workload>& workloads();

/// The workload of that name, or nullptr.
const Workload* find_workload(std::string_view name);

/// What parallelism costs: the workloads that are not about data.
namespace costs {
const Workload& count();
const Workload& create();
const Workload& hand_over();  // `switch`
const Workload& wait();
const Workload& chase();
const Workload& core_to_core();
const Workload& link();
}  // namespace costs

}  // namespace crossover
