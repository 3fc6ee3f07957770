#include "common/harness/statistics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace crossover {
namespace {

TEST(Median, IsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median_of({3, 1, 2}).value, 2);
  EXPECT_EQ(median_of({4, 1, 2, 3}).value, 2.5);
  EXPECT_EQ(median_of({7}).value, 7);
}

TEST(Median, HasNoIntervalBelowSixValues) {
  EXPECT_TRUE(std::isinf(median_of({1, 2, 3, 4, 5}).precision()));
  const Median six = median_of({6, 5, 4, 3, 2, 1});
  EXPECT_EQ(six.lower, 1);
  EXPECT_EQ(six.upper, 6);
}

TEST(Median, TakesTheOrderStatisticsOfTheTables) {
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

TEST(Median, HoldsForThousandsOfValues) {
  std::vector<double> values;
  for (int i = 0; i < 5001; ++i) values.push_back(i);
  const Median median = median_of(values);
  EXPECT_NEAR(median.lower, 2500 - 0.98 * std::sqrt(5001), 2);
  EXPECT_NEAR(median.upper, 2500 + 0.98 * std::sqrt(5001), 2);
}

TEST(Median, IntervalHoldsTheTruthAsOftenAsItSays) {
  std::mt19937 generator(1);
  std::lognormal_distribution<double> skewed(0, 0.5);  // true median 1
  for (const int n : {6, 11, 30}) {
    int held = 0;
    constexpr int kTrials = 4000;
    for (int trial = 0; trial < kTrials; ++trial) {
      std::vector<double> values;
      for (int i = 0; i < n; ++i) values.push_back(skewed(generator));
      const Median median = median_of(values);
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

TEST(Crossover, AgreesWithTheVectorsItSharesWithTheReport) {
  std::ifstream file(CROSSOVER_CASES);
  ASSERT_TRUE(file) << CROSSOVER_CASES;
  const auto vectors = nlohmann::json::parse(file);
  ASSERT_GE(vectors.at("cases").size(), 10U);
  for (const auto& one : vectors.at("cases")) {
    const auto curve = [&](const char* key) {
      Curve points;
      for (const auto& point : one.at(key)) points.emplace_back(point.at(0), point.at(1));
      return points;
    };
    const Crossover found = find_crossover(curve("a"), curve("b"));
    EXPECT_EQ(format_crossover(found), one.at("text").get<std::string>()) << one.dump();
    EXPECT_EQ(found.clean, one.at("clean")) << one.dump();
    if (!one.at("size").is_null()) {
      EXPECT_NEAR(found.elements, one.at("size").get<double>(), 1e-9 * found.elements)
          << one.dump();
    }
  }
  for (const auto& size : vectors.at("sizes")) {
    EXPECT_EQ(format_elements(size.at(0)), size.at(1).get<std::string>());
  }
}

}  // namespace
}  // namespace crossover
