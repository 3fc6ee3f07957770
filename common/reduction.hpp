#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "common/random.hpp"
#include "common/workload.hpp"

namespace crossover {

/// `reduce`: the sum of all elements.
///
/// Floating-point input is uniform in [1, 2) with a full random significand, so that every element
/// counts and rounding is as in real sums; integers are uniform over their whole range and wrap.
namespace reduction {

/// How an algorithm rounds: each element takes part in at most `chain` additions in the precision
/// of its type, in partial sums of at most `span` elements; everything after that is added in
/// double precision. {0, 0}: all additions are in double precision.
struct Rounding {
  std::uint64_t chain = 0;
  std::uint64_t span = 0;
};

/// The largest relative error that a correct sum of `elements` such elements of `type` shows.
/// The smaller of the deterministic bound `k u / (1 - k u)` (Higham, Accuracy and Stability of
/// Numerical Algorithms, 2nd ed., 4.2) and the probabilistic one of Higham and Mary (2019): each
/// rounding error is at most u times its partial sum and independent of the others, so by
/// Hoeffding their total exceeds `lambda u sqrt(sum of squared partial sums)` with a probability
/// of 2 exp(-lambda^2 / 2); lambda = 7 makes that 5e-11. Small enough to notice one lost
/// element among a billion.
double error_bound(ElementType type, std::uint64_t elements, Rounding rounding);

/// The element whose index has these low 32 bits, as its bits and, for floating point, as the
/// integer that it is in units of 2^-23 (f32) or 2^-52 (f64).
template <class T>
CROSSOVER_HOST_DEVICE constexpr BitsOf<T> scaled_element(const Stream& stream, std::uint32_t low) {
  using Bits = BitsOf<T>;
  const Bits random = stream.bits<Bits>(low);
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Bits kOne = Bits{1} << kSignificandBits<T>;
    return (random & (kOne - 1)) | kOne;
  } else {
    return random;
  }
}
template <class T>
CROSSOVER_HOST_DEVICE constexpr BitsOf<T> element_bits(const Stream& stream, std::uint32_t low) {
  using Bits = BitsOf<T>;
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Bits kOne = Bits{1} << kSignificandBits<T>;
    // The bits of 1.0: a biased exponent of 127 (f32) or 1023 (f64).
    constexpr Bits kBitsOfOne = Bits{sizeof(T) == 4 ? 127 : 1023} << kSignificandBits<T>;
    return (scaled_element<T>(stream, low) - kOne) | kBitsOfOne;
  } else {
    return scaled_element<T>(stream, low);
  }
}

/// Writes elements [first, first + part.size()) of the input for `salt`. Only the first
/// `kSalted` elements of the array depend on the salt: renewing the input is cheap.
inline constexpr std::uint64_t kSalted = 1 << 16;
template <class T>
void fill(std::span<T> part, std::uint64_t first, std::uint32_t salt);

/// Compares `sum` with the exact sum of the first `elements` elements of the input for `salt`.
/// The reference is computed once for a type and size, on all CPUs in `cpus`, and remembered.
template <class T>
Verdict verify(SumOf<T> sum, std::uint64_t elements, std::uint32_t salt, Rounding rounding,
               std::span<const int> cpus);

}  // namespace reduction

}  // namespace crossover
