#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace crossover {

/// Counts of whole numbers from 0 in 32 buckets a power of two (log-linear, as HdrHistogram has
/// them): in 7.5 KiB whatever is added, and every percentile to within 1/64. Numbers below 64 are
/// exact. Each bucket counts up to 2^32 - 1.
class Histogram {
 public:
  void add(std::uint64_t value) {
    ++buckets_[index_of(value)];
    ++count_;
    most_ = std::max(most_, value);
  }

  Histogram& operator+=(const Histogram& more) {
    for (std::size_t i = 0; i < kBuckets; ++i) buckets_[i] += more.buckets_[i];
    count_ += more.count_;
    most_ = std::max(most_, more.most_);
    return *this;
  }

  std::uint64_t count() const { return count_; }
  /// The largest, exactly; 0 where there is none.
  std::uint64_t most() const { return most_; }

  /// The number that `per_mille` of 1000 do not exceed, by nearest rank, for 0 < per_mille < 1000.
  /// Nothing where so few were added that it would be their largest by necessity.
  std::optional<double> percentile(std::uint64_t per_mille) const {
    if (count_ * (1000 - per_mille) < 1000) return std::nullopt;
    const std::uint64_t rank = (count_ * per_mille + 999) / 1000;
    std::size_t index = 0;
    for (std::uint64_t up_to = buckets_[0]; up_to < rank; up_to += buckets_[index]) ++index;
    return std::min(middle_of(index), static_cast<double>(most_));
  }

 private:
  static constexpr std::uint64_t kEach = 32;  // buckets a power of two
  static constexpr std::size_t kBuckets = kEach * 60;

  static constexpr std::size_t index_of(std::uint64_t value) {
    const int shift = std::max(static_cast<int>(std::bit_width(value)) - 6, 0);
    return kEach * static_cast<std::size_t>(shift) + (value >> shift);
  }
  static constexpr double middle_of(std::size_t index) {
    if (index < 2 * kEach) return static_cast<double>(index);
    const std::uint64_t shift = index / kEach - 1;
    const std::uint64_t lowest = (index - kEach * shift) << shift;
    return static_cast<double>(lowest) + static_cast<double>((std::uint64_t{1} << shift) - 1) / 2;
  }

  std::array<std::uint32_t, kBuckets> buckets_{};
  std::uint64_t count_ = 0;
  std::uint64_t most_ = 0;
};

}  // namespace crossover
