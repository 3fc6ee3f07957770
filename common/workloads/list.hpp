#pragma once

#include <stdexcept>
#include <string>
#include <type_traits>

#include "common/workload.hpp"
#include "common/workloads/pattern.hpp"
// Made by list.cmake: includes the workloads' files and lists their types,
//     using ArrayWorkloads = TypeList<arrays::Double, ...>;
#include "crossover_workloads.hpp"

/// All workloads on arrays, as types. Executors are compiled for each of them by visiting the list.
namespace crossover {

/// A workload's name on the command line and in the CSV.
template <class Work>
std::string name_of(const Work& work) {
  if constexpr (requires { work.name(); }) {
    return work.name();
  } else {
    return std::string(Work::kName);
  }
}

namespace detail {

template <class Visit, class... Works>
void each_workload(Visit&& visit, TypeList<Works...>) {
  const auto one = [&]<class Work>(std::type_identity<Work>) {
    if constexpr (requires { Work::family(); }) {
      for (const Work& work : Work::family()) visit(work);
    } else {
      visit(Work{});
    }
  };
  (one(std::type_identity<Works>{}), ...);
}

template <class Visit, class... Ts>
bool visit_type(ElementType type, Visit&& visit, TypeList<Ts...>) {
  return ((type_of<Ts>() == type && (visit(std::type_identity<Ts>{}), true)) || ...);
}

}  // namespace detail

/// Calls `visit(work)` with every workload on arrays, in the order of the documentation.
template <class Visit>
void each_array_workload(Visit&& visit) {
  detail::each_workload(visit, ArrayWorkloads{});
}

/// Calls `visit(work, std::type_identity<T>{})` with the workload on arrays that `workload`
/// describes, in the C++ type behind `type`. Throws std::invalid_argument for a workload that is
/// none on arrays and for a type that it is not offered in.
template <class Visit>
void with_array_workload(const Workload& workload, ElementType type, Visit&& visit) {
  bool found = false;
  int index = 0;
  each_array_workload([&]<class Work>(const Work& work) {
    if (index++ != workload.array_index) return;
    found = detail::visit_type(
        type, [&](auto as) { visit(work, as); }, typename Work::Types{});
  });
  if (!found) {
    throw std::invalid_argument(workload.name + " is no workload on arrays of " +
                                std::string(name(type)));
  }
}

}  // namespace crossover
