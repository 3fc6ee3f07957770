#pragma once

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `reduce`: the sum of all elements; integers wrap.
struct Reduce : SumOver<1> {
  static constexpr std::string_view kName = "reduce";
  static constexpr std::string_view kSummary = "the sum of all x[i]";
  static constexpr Blas kBlas{Blas::Call::asum};  // the input is positive

  template <class V>
  CROSSOVER_HOST_DEVICE V element(V x) const {
    return x;
  }
  template <class R>
  auto reference(std::int64_t) const {
    return [](R x) { return x; };
  }
};

}  // namespace crossover::arrays
