#pragma once

#include <cstddef>
#include <utility>

#include "common/workloads/pattern.hpp"

namespace crossover {

/// Where it is instantiated explicitly, a workload's element() is compiled for every type that it
/// is offered in and for vector registers of it: what is wrong inside is said at once, and not deep
/// in an executor (scripts/own_workloads.sh).
template <class Workload>
struct CompiledElement {
  static void for_all_types() { for_types(typename Workload::Types{}); }

 private:
  using Indices = std::make_index_sequence<static_cast<std::size_t>(Workload::kInputs)>;

  template <class W>
  struct VectorOf {
    using type [[gnu::vector_size(16)]] = W;
  };

  template <class V, std::size_t... Index>
  static void for_values(std::index_sequence<Index...>) {
    const V values[sizeof...(Index)]{};
    Workload{}.element(values[Index]...);
  }

  template <class... Ts>
  static void for_types(TypeList<Ts...>) {
    (for_values<Word<Ts>>(Indices{}), ...);
    (for_values<typename VectorOf<Word<Ts>>::type>(Indices{}), ...);
  }
};

}  // namespace crossover
