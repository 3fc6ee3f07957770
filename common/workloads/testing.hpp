#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/workloads/list.hpp"
#include "common/workloads/reference.hpp"

/// For tests: the workloads on arrays done in the plainest way, and every way to get them wrong.
namespace crossover {

/// Under the sanitizers everything takes four to ten times as long: not all of what differs little.
#ifdef CROSSOVER_SANITIZED
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

/// The types to try a workload in: all; under the sanitizers the first and the last, which differ
/// in width and, where there are integers, in kind.
inline std::vector<ElementType> tested_types(const Workload& workload) {
  if (!kSanitized) return workload.types;
  return {workload.types.front(), workload.types.back()};
}

/// A workload's arrays as bytes, filled with the input for a salt.
class TestArrays {
 public:
  TestArrays(const Workload& workload, ElementType type, std::uint64_t count, std::uint32_t salt,
             std::uint64_t first = 0)
      : elements(count), size(size_of(type)) {
    const auto reference = make_reference(workload, type);
    for (int array = 0; array < workload.arrays; ++array) {
      bytes.emplace_back(elements * size);
      reference->fill(array, bytes.back().data(), first, elements, salt);
      at.push_back(bytes.back().data());
    }
  }

  std::uint64_t elements;
  std::size_t size;
  std::vector<std::vector<std::byte>> bytes;
  std::vector<void*> at;  ///< where each array begins
};

/// Calls `visit(work, type_identity<T>{})` for every workload on arrays in each of its types.
template <class Visit>
void each_workload_and_type(Visit&& visit) {
  for (const Workload& workload : workloads()) {
    if (!workload.on_arrays()) continue;
    for (const ElementType type : workload.types) visit(workload, type);
  }
}

/// The map of `count` elements from element `first` on, one after the other.
inline void plain_map(const Workload& workload, ElementType type, const std::vector<void*>& arrays,
                      std::uint64_t first, std::uint64_t count) {
  with_array_workload(workload, type,
                      [&]<class Work, class T>(const Work& work, std::type_identity<T>) {
                        const auto x = [&](int array) {
                          return static_cast<Word<T>*>(arrays[static_cast<std::size_t>(array)]);
                        };
                        for (std::uint64_t i = first; i < first + count; ++i) {
                          if constexpr (Work::kPattern == Pattern::map_into && Work::kInputs == 1) {
                            x(0)[i] = work.element(x(1)[i]);
                          } else if constexpr (Work::kPattern == Pattern::map_into) {
                            x(0)[i] = work.element(x(1)[i], x(2)[i]);
                          } else if constexpr (Work::kInputs == 1) {
                            x(0)[i] = work.element(x(0)[i]);
                          } else if constexpr (Work::kInputs == 2) {
                            x(0)[i] = work.element(x(0)[i], x(1)[i]);
                          } else {
                            x(0)[i] = work.element(x(0)[i], x(1)[i], x(2)[i]);
                          }
                        }
                      });
}

/// The sum over `count` elements from element `first` on, in 80-bit floating point or wrapping.
inline Total plain_sum(const Workload& workload, ElementType type, const std::vector<void*>& arrays,
                       std::uint64_t first, std::uint64_t count) {
  Total total{.integer = 0};
  with_array_workload(
      workload, type, [&]<class Work, class T>(const Work& work, std::type_identity<T>) {
        if constexpr (Work::kPattern == Pattern::sum) {
          const auto x = [&](int array) {
            return static_cast<Word<T>*>(arrays[static_cast<std::size_t>(array)]);
          };
          std::conditional_t<std::is_floating_point_v<T>, long double, std::uint64_t> all{};
          for (std::uint64_t i = first; i < first + count; ++i) {
            if constexpr (Work::kArrays == 1) {
              all += work.element(x(0)[i]);
            } else {
              all += work.element(x(0)[i], x(1)[i]);
            }
          }
          if constexpr (std::is_floating_point_v<T>) {
            total.real = static_cast<double>(all);
          } else {
            total.integer = all;
          }
        }
      });
  return total;
}

}  // namespace crossover
