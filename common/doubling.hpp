#pragma once

#include <cstdint>
#include <span>
#include <type_traits>

#include "common/random.hpp"
#include "common/workload.hpp"

namespace crossover {

/// `double`: x[i] *= 2, in place.
///
/// The input is random and odd (integers) or normal with a random sign and significand (floating
/// point), and starts so low that `kDoublings` operations fit before a value could overflow or, for
/// an integer, become zero: x after k doublings is x[0] shifted by k, exactly.
namespace doubling {

/// The bits of the element whose index has these low 32 bits, after `doublings` operations. Biased
/// exponents of floating-point input start at 7 (f32) and 15 (f64).
template <class T>
CROSSOVER_HOST_DEVICE constexpr BitsOf<T> expected_bits(const Stream& stream, std::uint32_t low,
                                                        std::int64_t doublings) {
  using Bits = BitsOf<T>;
  const Bits random = stream.bits<Bits>(low);
  const auto count = static_cast<Bits>(doublings);
  if constexpr (std::is_floating_point_v<T>) {
    constexpr Bits kExponents = sizeof(T) == 4 ? 255 : 2047;
    constexpr Bits kFirstExponent = sizeof(T) == 4 ? 7 : 15;
    constexpr Bits kKept = ~(kExponents << kSignificandBits<T>);
    return (random & kKept) + ((kFirstExponent + count) << kSignificandBits<T>);
  } else {
    return (random | 1) << count;
  }
}

/// Operations that one input lasts for: 240 (f32), 2000 (f64), 30 (i32), 62 (i64).
template <class T>
std::int64_t operations_per_input();

/// Writes elements [first, first + part.size()) of the input for `salt`.
template <class T>
void fill(std::span<T> part, std::uint64_t first, std::uint32_t salt);

/// Compares every element of `data`, which is the whole array, or its elements from `offset` on,
/// with the input after `doublings` operations, bit by bit, on all CPUs in `cpus` at once.
template <class T>
Verdict verify(std::span<const T> data, std::uint32_t salt, std::int64_t doublings,
               std::span<const int> cpus, std::uint64_t offset = 0);

}  // namespace doubling

}  // namespace crossover
