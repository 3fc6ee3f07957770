#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/model.hpp"
#include "common/workloads/reference.hpp"

namespace crossover::cpu {

/// The most arrays that a workload has.
inline constexpr std::size_t kMostArrays = 3;

/// The loops of one workload on arrays in one type: what one worker does with its part. All CPU
/// models share them, so that the difference between two models is how they parallelise and nothing
/// else. Cheap to copy; can be called by several threads, and by processes forked later.
struct Loops {
  Loops() = default;
  /// In the form of that name, or in the plain one where it is empty; "-blocks" may stand behind
  /// it. Throws std::invalid_argument where there are no such loops.
  Loops(const Workload& workload, ElementType type, std::string_view form = {});
  /// In the form that was chosen for parts of `part_bytes` bytes (of all arrays) of a
  /// configuration; by default those of its workers.
  static Loops chosen(const Configuration& configuration, const ChosenForms* forms,
                      std::uint64_t part_bytes);
  static Loops chosen(const Configuration& configuration, const ChosenForms* forms);

  std::shared_ptr<const void> work;  ///< what the functions below take first
  void (*map_part)(const void* work, void* const* arrays, std::uint64_t count) = nullptr;
  Total (*sum_part)(const void* work, void* const* arrays, std::uint64_t count) = nullptr;
  bool real = false;    ///< which of a Total
  Rounding rounding{};  ///< how sum() rounds
  /// Whether workers on the same memory take a block at a time, of their own part first and then of
  /// others', instead of their part in one go: nobody waits for the slowest then.
  bool in_blocks = false;

  bool is_sum() const { return sum_part != nullptr; }
  /// A map on `count` elements. `arrays` points at as many parts as the workload has arrays, the
  /// written one first.
  void map(void* const* arrays, std::uint64_t count) const { map_part(work.get(), arrays, count); }
  /// The sum over `count` elements.
  Total sum(void* const* arrays, std::uint64_t count) const {
    return sum_part(work.get(), arrays, count);
  }
  /// Adds a part of a sum to another.
  void add(Total& to, Total part) const {
    if (real) {
      to.real += part.real;
    } else {
      to.integer += part.integer;
    }
  }
  /// What sums start from.
  Total zero() const { return real ? Total{.real = 0} : Total{.integer = 0}; }
};

/// The names of the forms that the loops of a workload have in a type, the plain one first.
std::vector<std::string> loop_forms(const Workload& workload, ElementType type);
/// For several workers: the same, and each in blocks.
std::vector<std::string> team_forms(const Workload& workload, ElementType type);

}  // namespace crossover::cpu
