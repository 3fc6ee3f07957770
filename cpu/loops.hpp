#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/workload.hpp"
#include "common/workloads/reference.hpp"

namespace crossover::cpu {

/// The most arrays that a workload has.
inline constexpr std::size_t kMostArrays = 3;

/// The loops of one workload on arrays in one type: what one worker does with its part. All CPU
/// models share them, so that the difference between two models is how they parallelise and nothing
/// else. Cheap to copy; can be called by several threads, and by processes forked later.
class Loops {
 public:
  /// Throws std::invalid_argument where there are none.
  Loops(const Workload& workload, ElementType type);

  bool is_sum() const { return sum_ != nullptr; }
  /// How sum() rounds.
  Rounding rounding() const { return rounding_; }

  /// A map on `count` elements. `arrays` points at as many parts as the workload has arrays, the
  /// written one first.
  void map(void* const* arrays, std::uint64_t count) const { map_(work_.get(), arrays, count); }
  /// The sum over `count` elements.
  Total sum(void* const* arrays, std::uint64_t count) const {
    return sum_(work_.get(), arrays, count);
  }
  /// Adds a part of a sum to another.
  void add(Total& to, Total part) const {
    if (real_) {
      to.real += part.real;
    } else {
      to.integer += part.integer;
    }
  }
  /// What sums start from.
  Total zero() const { return real_ ? Total{.real = 0} : Total{.integer = 0}; }

 private:
  std::shared_ptr<const void> work_;
  void (*map_)(const void* work, void* const* arrays, std::uint64_t count) = nullptr;
  Total (*sum_)(const void* work, void* const* arrays, std::uint64_t count) = nullptr;
  bool real_ = false;
  Rounding rounding_;
};

}  // namespace crossover::cpu
