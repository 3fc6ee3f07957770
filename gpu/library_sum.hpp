#pragma once

#include <cstring>
#include <functional>
#include <type_traits>
#include <utility>

#include "gpu/work.hpp"

namespace crossover::gpu {

/// A sum by a library, which leaves it in page-locked host memory, in the type of the elements.
template <class W>
class LibrarySum final : public Work {
 public:
  /// `put(stream, set, result)` puts one operation into the stream, or does it.
  using Put = std::function<void(const Stream&, std::uint64_t set, W* result)>;
  LibrarySum(const Target& target, Rounding rounding, Put put)
      : sets_(target.arrays.sets),
        rounding_(rounding),
        put_(std::move(put)),
        results_(target.device(), sets_) {}

  void enqueue(const Stream& stream, std::int64_t first, std::int64_t operations) override {
    for (std::int64_t i = first; i < first + operations; ++i) {
      const std::uint64_t set = static_cast<std::uint64_t>(i) % sets_;
      put_(stream, set, results_.data() + set);
    }
  }
  int launches() const override { return 2; }
  Total sum(std::uint64_t set) const override {
    if constexpr (std::is_floating_point_v<W>) return {.real = results_[set]};
    return {.integer = static_cast<std::uint64_t>(results_[set])};
  }
  void poison() override { std::memset(results_.data(), 0xff, sets_ * sizeof(W)); }
  Rounding rounding() const override { return rounding_; }

 private:
  std::uint64_t sets_;
  Rounding rounding_;
  Put put_;
  PinnedArray<W> results_;
};

/// How CUB and thrust add: floats in floats, tiles of 16 elements a thread, blocks, then the
/// blocks' sums. Its additions' partial sums weigh as those of a chain of at most 98 over all
/// elements: 16 in a thread's tile and some hundred tiles, each of a small part of the sum, then a
/// tree over the block, then at most some dozens a thread and a tree over all of it. Doubles are
/// added in doubles, in chains that the bound for double precision covers.
template <class W>
Rounding library_rounding(std::uint64_t n) {
  return std::is_same_v<W, float> ? Rounding{98, n} : Rounding{};
}

}  // namespace crossover::gpu
