#pragma once

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `copy`: y[i] = x[i]. With the byte count of BabelStream's: one read, one write.
struct Copy : MapInto<2> {
  static constexpr std::string_view kName = "copy";
  static constexpr std::string_view kSummary = "y[i] = x[i]";
  static constexpr bool kInPresets = false;
  static constexpr Blas kBlas{Blas::Call::copy};
  static constexpr bool kExact = true;

  double flops() const { return 0; }
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
