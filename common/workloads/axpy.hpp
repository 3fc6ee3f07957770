#pragma once

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `axpy`: y[i] = 3 x[i] + y[i], in place.
struct Axpy : MapInPlace<2> {
  static constexpr std::string_view kName = "axpy";
  static constexpr std::string_view kSummary = "y[i] = 3 x[i] + y[i], in place";
  static constexpr bool kInPresets = false;
  static constexpr Blas kBlas{Blas::Call::axpy, 3};

  double flops() const { return 2; }
  int roundings() const { return 2; }
  template <class V>
  CROSSOVER_HOST_DEVICE V element(V y, V x) const {
    return Lane<V>(3) * x + y;
  }
  template <class R>
  auto reference(std::int64_t operations) const {
    return [=](R y, R x) { return y + R(3) * static_cast<R>(operations) * x; };
  }
};

}  // namespace crossover::arrays
