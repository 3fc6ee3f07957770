#pragma once

#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "common/workloads/list.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

namespace crossover::gpu {

/// What `make(workload, std::type_identity<W>{})` returns for the target's workload as a type and
/// the words of its elements. Throws std::invalid_argument where the workload is no sum (`kSum`) or
/// no map: there is nothing else to fall through to.
template <bool kSum, class Result = Work, class Make>
Result for_workload(const Target& target, Make&& make) {
  std::optional<Result> made;
  with_array_workload(target.workload, target.type,
                      [&]<class Is, class T>(const Is& is, std::type_identity<T>) {
                        if constexpr ((Is::kPattern == Pattern::sum) == kSum) {
                          made = make(is, std::type_identity<Word<T>>{});
                        }
                      });
  if (!made) {
    throw std::invalid_argument(target.workload.name + (kSum ? " is no sum" : " is no map"));
  }
  return *std::move(made);
}
template <class Make>
Work for_map(const Target& target, Make&& make) {
  return for_workload<false>(target, make);
}
template <class Make>
Work for_sum(const Target& target, Make&& make) {
  return for_workload<true>(target, make);
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

/// A workload's element() as libraries call it.
template <class Is>
struct ElementOf {
  Is is;
  template <class... Ws>
  CROSSOVER_HOST_DEVICE auto operator()(const Ws&... values) const {
    return is.element(values...);
  }
};

}  // namespace crossover::gpu
