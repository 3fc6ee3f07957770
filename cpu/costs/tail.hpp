#pragma once

#include <array>
#include <chrono>
#include <string_view>

#include "common/histogram.hpp"
#include "common/model.hpp"

/// How long single units of a cost took (a round trip of `switch`, a task of `wait`), because a
/// mean hides a tail.
///
/// Each time contains one reading of the clock, which is measured and told beside them and is not
/// taken off. Where a unit lasts a microsecond, that would change the mean: `switch` times such
/// single ones behind the sample, when the sample's clock has stopped. Where it takes 200 readings
/// or more, they are the sample's own, as the tasks of `wait` are.
///
/// Times go into a histogram (common/histogram.hpp) and are right to within 1.6 %. A percentile
/// that so few cannot tell, the 99.9th of fewer than 1000, stays empty.
namespace crossover::cpu {

/// The columns that add_tail() fills: percentiles by nearest rank.
inline constexpr std::array kTailColumns{
    Column{"op_p50_ns", "ns", "tail", "half of the single round trips or tasks took at most this"},
    Column{"op_p90_ns", "ns", "tail", "9 of 10 single round trips or tasks took at most this"},
    Column{"op_p99_ns", "ns", "tail", "99 of 100 single round trips or tasks took at most this"},
    Column{"op_p999_ns", "ns", "tail", "999 of 1000 single round trips or tasks took at most this"},
    Column{"op_max_ns", "ns", "tail", "the longest single round trip or task"},
    Column{"clock_ns", "ns", "tail", "a reading of the clock, of which each single one holds one"}};

/// Nanoseconds between two readings of the steady clock in a row: the median of 1001, in some 30
/// us.
inline double clock_reading_ns() {
  Histogram times;
  auto before = std::chrono::steady_clock::now();
  for (int i = 0; i < 1001; ++i) {
    const auto after = std::chrono::steady_clock::now();
    times.add(static_cast<std::uint64_t>((after - before).count()));
    before = std::chrono::steady_clock::now();
  }
  return *times.percentile(500);
}

/// Appends what `times` tell, in ns, with `least` added to each; nothing where there are none.
inline void add_tail(Observation& seen, const Histogram& times, double least = 0) {
  if (times.count() == 0) return;
  constexpr std::array<std::uint64_t, 4> kPerMille{500, 900, 990, 999};
  for (std::size_t i = 0; i < kPerMille.size(); ++i) {
    if (const std::optional<double> time = times.percentile(kPerMille[i])) {
      seen.values.emplace_back(kTailColumns[i].name, least + *time);
    }
  }
  seen.values.emplace_back(kTailColumns[4].name, least + static_cast<double>(times.most()));
  seen.values.emplace_back(kTailColumns[5].name, clock_reading_ns());
}

}  // namespace crossover::cpu
