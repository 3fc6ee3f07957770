#include "common/harness/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <tuple>
#include <vector>

namespace crossover {
namespace {

TEST(MedianOf, IsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median_of({3, 1, 2}).value, 2);
  EXPECT_EQ(median_of({4, 1, 2, 3}).value, 2.5);
  EXPECT_EQ(median_of({7}).value, 7);
  EXPECT_EQ(middle_of({3, 1, 2}), 2);
  EXPECT_EQ(middle_of({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(middle_of({7}), 7);
}

TEST(MedianOf, HasNoIntervalBelowSixValues) {
  EXPECT_TRUE(std::isinf(median_of({1, 2, 3, 4, 5}).precision()));
  const Estimate six = median_of({6, 5, 4, 3, 2, 1});
  EXPECT_EQ(six.lower, 1);
  EXPECT_EQ(six.upper, 6);
}

TEST(MedianOf, TakesTheOrderStatisticsOfTheTables) {
  // Conover's and every other table of the sign test: n = 10 -> 2nd and 9th, 15 -> 4th and 12th,
  // 20 -> 6th and 15th, 25 -> 8th and 18th.
  for (const auto& [n, low] :
       std::vector<std::pair<int, int>>{{10, 2}, {15, 4}, {20, 6}, {25, 8}}) {
    std::vector<double> values;
    for (int i = 1; i <= n; ++i) values.push_back(i);
    EXPECT_EQ(median_of(values).lower, low) << n;
    EXPECT_EQ(median_of(values).upper, n + 1 - low) << n;
  }
}

TEST(MedianOf, HoldsForThousandsOfValues) {
  std::vector<double> values;
  for (int i = 0; i < 5001; ++i) values.push_back(i);
  const Estimate median = median_of(values);
  EXPECT_NEAR(median.lower, 2500 - 0.98 * std::sqrt(5001), 2);
  EXPECT_NEAR(median.upper, 2500 + 0.98 * std::sqrt(5001), 2);
}

TEST(MedianOf, IntervalHoldsTheTruthAsOftenAsItSays) {
  std::mt19937 generator(1);
  std::lognormal_distribution<double> skewed(0, 0.5);  // true median 1
  for (const int n : {6, 11, 30}) {
    int held = 0;
    constexpr int kTrials = 4000;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> values;
      for (int i = 0; i < n; ++i) values.push_back(skewed(generator));
      const Estimate median = median_of(values);
      held += median.lower <= 1 && 1 <= median.upper ? 1 : 0;
    }
    EXPECT_GT(held, 0.94 * kTrials) << n;
    EXPECT_LT(held, 0.995 * kTrials) << n;
  }
}

TEST(FormatElements, ShowsThreeDigitsAndABinaryUnit) {
  EXPECT_EQ(format_elements(1), "1");
  EXPECT_EQ(format_elements(1023.4), "1023");
  EXPECT_EQ(format_elements(1023.6), "1.00 Ki");
  EXPECT_EQ(format_elements(1024), "1.00 Ki");
  EXPECT_EQ(format_elements(23961.6), "23.4 Ki");
  EXPECT_EQ(format_elements(1048576 * 256.0), "256 Mi");
}

TEST(FormatTime, ShowsThreeDigitsWithEveryVersionOfTheLibrary) {
  EXPECT_EQ(three_digits(-9.996), "-10.0");
  EXPECT_EQ(format_time(0.8), "0.800 ns");
  EXPECT_EQ(format_time(5), "5.00 ns");
  EXPECT_EQ(format_time(31.25), "31.2 ns");
  EXPECT_EQ(format_time(197.0e3), "197 us");
  EXPECT_EQ(format_time(999.4e3), "999 us");
  EXPECT_EQ(format_time(999.6e3), "1.00 ms");
  EXPECT_EQ(format_time(2.5e12), "2500 s");
}

TEST(WithoutPilot, LeavesRoundZeroOutOnceSixOthersAreThere) {
  Series series;
  for (int round = 0; round < 6; ++round) series.push_back({round, 1});
  EXPECT_EQ(without_pilot(series).size(), 6U);
  series.push_back({6, 1});
  ASSERT_EQ(without_pilot(series).size(), 6U);
  EXPECT_EQ(without_pilot(series).front().round, 1);
}

TEST(TTail, AgreesWithTheTables) {
  // Two-sided 5 % and one-sided 0.05 % of any table of Student's t.
  for (const auto& [freedom, five, half_a_mill] :
       std::vector<std::tuple<int, double, double>>{{1, 12.706, 636.62},
                                                    {2, 4.3027, 31.599},
                                                    {3, 3.1824, 12.924},
                                                    {9, 2.2622, 4.7809},
                                                    {10, 2.2281, 4.5869},
                                                    {30, 2.0423, 3.6460}}) {
    EXPECT_NEAR(t_tail(five, freedom), 0.025, 2e-6) << freedom;
    EXPECT_NEAR(t_tail(half_a_mill, freedom), 0.0005, 2e-7) << freedom;
  }
  EXPECT_NEAR(t_tail(0, 5), 0.5, 1e-12);
}

Series series_of(const std::vector<double>& values) {
  Series series;
  for (const double value : values) {
    series.push_back({static_cast<int>(series.size()) + 1, value});
  }
  return series;
}

TEST(SurelySlower, IsSureOnlyOfWhatTheNoiseCannotExplain) {
  const Series fast = series_of({100, 101, 99, 100, 102, 98});
  EXPECT_TRUE(surely_slower(series_of({110, 112, 109, 110, 111, 108}), fast, 1e-3));
  EXPECT_FALSE(surely_slower(series_of({101, 100, 100, 101, 102, 99}), fast, 1e-3));
  EXPECT_FALSE(surely_slower(series_of({90, 91, 89, 90, 92, 88}), fast, 1e-3)) << "it is faster";
  EXPECT_FALSE(surely_slower(series_of({200, 200}), fast, 1e-3)) << "two rounds tell nothing";
  // The rounds' common factor takes no part.
  EXPECT_TRUE(surely_slower(series_of({105, 210, 52.5}), series_of({100, 200, 50}), 1e-3));
  EXPECT_FALSE(surely_slower(Series{{7, 200}, {8, 200}, {9, 200}}, fast, 1e-3))
      << "no common rounds";
}

TEST(SurelySlower, CriesWolfNoMoreOftenThanItSays) {
  std::mt19937 generator(1);
  std::normal_distribution<double> noise(0, 0.02);
  for (const int n : {3, 6, 15}) {
    int fired = 0;
    constexpr int kTrials = 20000;
    for (int trial = 0; trial < kTrials; ++trial) {
      Series a;
      Series b;
      for (int round = 0; round < n; ++round) {
        a.push_back({round, std::exp(noise(generator))});
        b.push_back({round, std::exp(noise(generator))});
      }
      fired += surely_slower(a, b, 0.01) ? 1 : 0;
    }
    EXPECT_NEAR(fired / static_cast<double>(kTrials), 0.01, 0.003) << n;
  }
}

/// Intervals of medians of rounds of which each resembles the one before by `correlation`: how many
/// hold the truth, in percent.
double coverage(double correlation, int rounds, bool widen) {
  std::mt19937 generator(7);
  std::normal_distribution<double> normal;
  int held = 0;
  constexpr int kTrials = 2000;
  constexpr int kConfigurations = 30;  // of one model, whose correlations are averaged
  for (int trial = 0; trial < kTrials / kConfigurations; ++trial) {
    std::vector<Series> all;
    double mean = 0;
    for (int i = 0; i < kConfigurations; ++i) {
      double state = normal(generator);
      Series series;
      for (int round = 1; round <= rounds; ++round) {
        state = correlation * state + std::sqrt(1 - correlation * correlation) * normal(generator);
        series.push_back({round, std::exp(0.02 * state)});
      }
      mean += neighbour_correlation(series) / kConfigurations;
      all.push_back(std::move(series));
    }
    for (const Series& series : all) {
      const Estimate median = median_of(times(series), widen ? mean : 0);
      held += median.lower <= 1 && 1 <= median.upper ? 1 : 0;
    }
  }
  return 100.0 * held / (kTrials / kConfigurations * kConfigurations);
}

TEST(Widening, MakesUpForRoundsThatResembleTheirNeighbours) {
  EXPECT_LT(coverage(0.7, 10, false), 85) << "what it is for";
  EXPECT_GT(coverage(0.7, 10, true), 93);
  EXPECT_GT(coverage(0.7, 20, true), 93);
  EXPECT_GT(coverage(0, 10, true), 93);
  EXPECT_LT(coverage(0, 10, true), 99) << "independent rounds are not widened";
}

}  // namespace
}  // namespace crossover
