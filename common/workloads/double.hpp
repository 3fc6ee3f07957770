#pragma once

#include <cmath>

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `double`: x[i] *= 2, in place.
///
/// The input is odd (integers) or normal with a random sign and significand (floating point), and
/// starts so low that operations_per_input() operations fit before a value could overflow or, for
/// an integer, become zero: x after k doublings is x[0] shifted by k, exactly.
struct Double : MapInPlace<1> {
  static constexpr std::string_view kName = "double";
  static constexpr std::string_view kSummary = "x[i] *= 2, in place";
  static constexpr Blas kBlas{Blas::Call::scal, 2};
  static constexpr bool kExact = true;

  template <class V>
  CROSSOVER_HOST_DEVICE V element(V x) const {
    return x + x;
  }

  template <class T>
  std::int64_t operations_per_input() const {
    if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? 240 : 2000;
    return sizeof(T) == 4 ? 30 : 62;
  }

  /// Biased exponents of floating-point input are 7 (f32) and 15 (f64).
  template <class T>
  CROSSOVER_HOST_DEVICE constexpr BitsOf<T> input(BitsOf<T> random) const {
    if constexpr (std::is_floating_point_v<T>) {
      constexpr BitsOf<T> kExponents = sizeof(T) == 4 ? 255 : 2047;
      constexpr BitsOf<T> kFirst = sizeof(T) == 4 ? 7 : 15;
      return (random & ~(kExponents << kSignificandBits<T>)) | kFirst << kSignificandBits<T>;
    } else {
      return random | 1;
    }
  }

  template <class R>
  auto reference(std::int64_t operations) const {
    if constexpr (std::is_floating_point_v<R>) {
      // In two steps: 2^240 is no f32, though the result is.
      const R half = std::ldexp(R{1}, static_cast<int>(operations / 2));
      const R rest = std::ldexp(R{1}, static_cast<int>(operations - operations / 2));
      return [half, rest](R x) { return x * half * rest; };
    } else {
      return [operations](R x) { return static_cast<R>(x << operations); };
    }
  }
};

}  // namespace crossover::arrays
