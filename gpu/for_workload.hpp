#pragma once

#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "common/workloads/list.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

namespace crossover::gpu {

namespace detail {

/// What `make(workload, std::type_identity<W>{})` returns for the target's workload as a type and
/// the words of its elements. Throws std::invalid_argument where the workload is no sum (`kSum`) or
/// no map: there is nothing else to fall through to.
template <bool kSum, class Result, class Make>
std::unique_ptr<Result> for_workload(const Target& target, Make&& make) {
  std::unique_ptr<Result> made;
  with_array_workload(target.workload, target.type,
                      [&]<class Is, class T>(const Is& is, std::type_identity<T>) {
                        if constexpr ((Is::kPattern == Pattern::sum) == kSum) {
                          made = make(is, std::type_identity<Word<T>>{});
                        }
                      });
  if (made == nullptr) {
    throw std::invalid_argument(target.workload.name + (kSum ? " is no sum" : " is no map"));
  }
  return made;
}

}  // namespace detail

template <class Make>
std::unique_ptr<Work> for_map(const Target& target, Make&& make) {
  return detail::for_workload<false, Work>(target, std::forward<Make>(make));
}
template <class Result = Work, class Make>
std::unique_ptr<Result> for_sum(const Target& target, Make&& make) {
  return detail::for_workload<true, Result>(target, std::forward<Make>(make));
}

/// The arrays of a set.
template <class W, int kArrays>
Elements<W, kArrays> elements_of(const Arrays& arrays, std::uint64_t set) {
  Elements<W, kArrays> elements{};
  for (int array = 0; array < kArrays; ++array) {
    elements.at[array] = reinterpret_cast<W*>(arrays.at(array, set));
  }
  elements.size = arrays.elements;
  return elements;
}

/// The same, cut into packs.
template <class W, int kArrays>
Packed<W, kArrays> packs_of(const Arrays& arrays, std::uint64_t set) {
  return packed(elements_of<W, kArrays>(arrays, set));
}

}  // namespace crossover::gpu
