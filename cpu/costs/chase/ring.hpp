#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "common/buffer.hpp"

/// A ring through memory for the workload `chase`: each place holds the address of the next, in an
/// order that no prefetcher foresees, and a place is a line pair, of which the adjacent-line
/// prefetcher brings the other half.
///
/// The order is a permutation that is computed, in both directions, and stored nowhere: the ring
/// can be written from its first byte to its last, by several threads, at the speed of memory, and
/// any address tells how far along it lies.
namespace crossover::cpu {

struct alignas(kLinePair) Place {
  const Place* next = nullptr;
};

/// Of `places` places, at least 1. Which of them follow one another is `salt`'s.
class RingOrder {
 public:
  RingOrder(std::uint64_t places, std::uint32_t salt)
      : places_(places),
        bits_(std::max(1, static_cast<int>(std::bit_width(places - 1)))),
        mask_(bits_ == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits_) - 1),
        factors_{0x9E3779B97F4A7C15 * (2 * std::uint64_t{salt} + 1), 0xD1B54A32D192ED03,
                 0x8CB92BA72F3D8DD7 ^ std::uint64_t{salt} << 1} {
    std::transform(factors_.begin(), factors_.end(), inverses_.begin(), inverse);
  }

  /// Which place is `step` steps behind the first one; `step` is below `places`.
  std::uint64_t place(std::uint64_t step) const {
    // Of a power of two; what is beyond the ring is passed over.
    do step = mixed(step);
    while (step >= places_);
    return step;
  }

  /// How many steps `place` is behind the first one: the inverse.
  std::uint64_t step(std::uint64_t place) const {
    do place = unmixed(place);
    while (place >= places_);
    return place;
  }

  std::uint64_t behind(std::uint64_t place) const {
    return this->place((step(place) + 1) % places_);
  }

 private:
  /// Bijections of `bits_` bits, as in the finalisers of hashes: a shift of half of them or more is
  /// its own inverse, an odd factor has one.
  std::uint64_t folded(std::uint64_t x) const { return x ^ x >> (bits_ + 1) / 2; }
  std::uint64_t mixed(std::uint64_t x) const {
    for (const std::uint64_t factor : factors_) x = folded(x) * factor & mask_;
    return folded(x);
  }
  std::uint64_t unmixed(std::uint64_t x) const {
    for (std::size_t i = inverses_.size(); i-- > 0;) x = folded(x) * inverses_[i] & mask_;
    return folded(x);
  }
  /// Of an odd number modulo 2^64, by Newton's iteration: each step doubles the bits that are
  /// right.
  static constexpr std::uint64_t inverse(std::uint64_t odd) {
    std::uint64_t found = odd;  // 3 bits are right
    for (int right = 3; right < 64; right *= 2) found *= 2 - odd * found;
    return found;
  }

  std::uint64_t places_;
  int bits_;
  std::uint64_t mask_;
  std::array<std::uint64_t, 3> factors_;
  std::array<std::uint64_t, 3> inverses_{};
};

/// Where so many loads from `at` on lead, each of which waits for the one before.
inline const Place* follow(const Place* at, std::uint64_t loads) {
  constexpr std::uint64_t kUnrolled = 16;
  for (; loads >= kUnrolled; loads -= kUnrolled) {
#pragma GCC unroll 16
    for (std::uint64_t i = 0; i < kUnrolled; ++i) at = at->next;
  }
  for (; loads > 0; --loads) at = at->next;
  return at;
}

}  // namespace crossover::cpu
