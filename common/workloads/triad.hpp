#pragma once

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `triad`: y[i] = a[i] + s b[i]. With the byte count of BabelStream's: two reads, one write.
struct Triad : MapInto<3> {
  static constexpr std::string_view kName = "triad";
  static constexpr std::string_view kSummary = "y[i] = a[i] + s b[i]";
  static constexpr bool kInPresets = false;

  double flops() const { return 2; }
  int roundings() const { return 2; }  // one, where multiplication and addition are fused
  template <class V>
  CROSSOVER_HOST_DEVICE V element(V a, V b) const {
    return a + Lane<V>(3) * b;
  }
  template <class R>
  auto reference(std::int64_t) const {
    return [](R a, R b) { return a + R(3) * b; };
  }
};

}  // namespace crossover::arrays
