#include "common/histogram.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace crossover {
namespace {

constexpr std::uint64_t kPerMille[] = {1, 100, 500, 900, 990, 999};

Histogram histogram_of(const std::vector<std::uint64_t>& values) {
  Histogram all;
  for (const std::uint64_t value : values) all.add(value);
  return all;
}

/// Nearest rank.
double exact(std::vector<std::uint64_t> values, std::uint64_t per_mille) {
  std::sort(values.begin(), values.end());
  return static_cast<double>(values[(values.size() * per_mille + 999) / 1000 - 1]);
}

TEST(Histogram, TellsThePercentilesOfAnyDistribution) {
  std::mt19937_64 random(1);
  std::lognormal_distribution<double> skewed(9, 2);
  std::uniform_int_distribution<std::uint64_t> small(0, 63);
  std::uniform_int_distribution<std::uint64_t> any(0, std::numeric_limits<std::uint64_t>::max());
  const std::map<std::string, std::function<std::uint64_t()>> distributions{
      {"skewed", [&] { return static_cast<std::uint64_t>(skewed(random)); }},
      {"small", [&] { return small(random); }},
      {"any", [&] { return any(random); }},
      {"every power", [&] { return any(random) >> (any(random) % 64); }},
      {"two peaks", [&] { return any(random) % 1000 < 995 ? 1300 + any(random) % 100 : 9000000; }},
      {"one value", [] { return std::uint64_t{1000000}; }}};
  for (const auto& [name, draw] : distributions) {
    for (const std::size_t count : {1000, 1001, 54321}) {
      std::vector<std::uint64_t> values(count);
      for (std::uint64_t& value : values) value = draw();
      const Histogram all = histogram_of(values);
      EXPECT_EQ(all.count(), count);
      EXPECT_EQ(all.most(), *std::max_element(values.begin(), values.end()));
      for (const std::uint64_t share : kPerMille) {
        const double right = exact(values, share);
        EXPECT_NEAR(all.percentile(share).value(), right, right < 64 ? 0 : right / 64)
            << name << ", " << share << " of 1000 of " << count;
        EXPECT_LE(all.percentile(share).value(), static_cast<double>(all.most()));
      }
    }
  }
}

TEST(Histogram, TellsNoPercentileOfTooFew) {
  const Histogram none;
  EXPECT_EQ(none.count(), 0U);
  EXPECT_EQ(none.most(), 0U);
  EXPECT_FALSE(none.percentile(500));
  Histogram some;
  for (int count = 1; count <= 2000; ++count) {
    some.add(7);
    EXPECT_EQ(some.percentile(500).has_value(), count >= 2) << count;
    EXPECT_EQ(some.percentile(900).has_value(), count >= 10) << count;
    EXPECT_EQ(some.percentile(990).has_value(), count >= 100) << count;
    EXPECT_EQ(some.percentile(999).has_value(), count >= 1000) << count;
    EXPECT_EQ(some.most(), 7U);
  }
}

TEST(Histogram, HoldsTheLargestNumbers) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();
  const Histogram all = histogram_of({0, kMost, kMost, kMost});
  EXPECT_EQ(all.most(), kMost);
  EXPECT_NEAR(all.percentile(500).value(), 0x1p64, 0x1p64 / 64);
  EXPECT_EQ(all.percentile(1), 0.0);
}

TEST(Histogram, IsTheSameInPiecesAndAtOnce) {
  std::mt19937_64 random(2);
  std::vector<std::uint64_t> values(3000);
  Histogram parts[3];
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = random() >> (random() % 64);
    parts[i % 3].add(values[i]);
  }
  Histogram together;
  for (const Histogram& part : parts) together += part;
  const Histogram at_once = histogram_of(values);
  EXPECT_EQ(together.count(), at_once.count());
  EXPECT_EQ(together.most(), at_once.most());
  for (const std::uint64_t share : kPerMille) {
    EXPECT_EQ(together.percentile(share), at_once.percentile(share));
  }
}

}  // namespace
}  // namespace crossover
