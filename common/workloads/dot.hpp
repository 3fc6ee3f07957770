#pragma once

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `dot`: the sum of all x[i] y[i]; integers wrap. With the byte count of BabelStream's: two reads.
struct Dot : SumOver<2> {
  static constexpr std::string_view kName = "dot";
  static constexpr std::string_view kSummary = "the sum of all x[i] y[i]";
  static constexpr bool kInPresets = false;
  static constexpr Blas kBlas{Blas::Call::dot};

  double flops() const { return 2; }
  int roundings() const { return 1; }
  template <class V>
  CROSSOVER_HOST_DEVICE V element(V x, V y) const {
    return x * y;
  }
  template <class R>
  auto reference(std::int64_t) const {
    return [](R x, R y) { return x * y; };
  }
};

}  // namespace crossover::arrays
