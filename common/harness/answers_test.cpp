#include "common/harness/answers.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <random>

namespace crossover {
namespace {

Result measured(const std::vector<double>& times_ns, int first_round = 1) {
  Result result;
  for (const double ns : times_ns) result.samples.push_back({first_round++, ns});
  return result;
}

TEST(Crossing, AgreesWithTheVectorsItSharesWithTheReport) {
  std::ifstream file(CROSSOVER_CASES);
  ASSERT_TRUE(file) << CROSSOVER_CASES;
  const auto vectors = nlohmann::json::parse(file);
  ASSERT_GE(vectors.at("cases").size(), 10U);
  for (const auto& one : vectors.at("cases")) {
    Results results;
    const auto forms = [&](const char* key) {
      Forms all;
      for (const auto& point : one.at(key)) {
        all[point.at(0)].push_back(results.size());
        results.push_back(measured({point.at(1)}, 0));
      }
      return all;
    };
    const Contest contest{"a", "b", forms("a"), forms("b")};
    const Crossing found = crossing_of(contest, results, 0);
    EXPECT_EQ(found.text(), one.at("text").get<std::string>()) << one.dump();
    EXPECT_EQ(found.clean, one.at("clean")) << one.dump();
    if (!one.at("size").is_null()) {
      EXPECT_NEAR(found.elements.value, one.at("size").get<double>(), 1e-9 * found.elements.value)
          << one.dump();
    }
  }
  for (const auto& size : vectors.at("sizes")) {
    EXPECT_EQ(format_elements(size.at(0)), size.at(1).get<std::string>());
  }
}

TEST(BestOf, ChoosesOnOneHalfOfTheRoundsAndEstimatesOnTheOther) {
  // Each form is lucky in the half in which it is the fastest.
  Results results{measured({90, 90, 90, 110, 110, 110}), measured({110, 110, 110, 90, 90, 90})};
  const std::optional<Best> best = best_of({0, 1}, results);
  ASSERT_TRUE(best);
  ASSERT_EQ(best->series.size(), 6U);
  for (const Timed& timed : best->series) EXPECT_EQ(timed.ns, 110) << timed.round;
}

TEST(BestOf, DoesNotFavourTheLuckiestOfMany) {
  std::mt19937 generator(3);
  std::normal_distribution<double> noise(0, 0.02);
  double lucky = 0;
  double honest = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    Results results;
    std::vector<std::size_t> forms;
    for (std::size_t form = 0; form < 50; ++form) {
      std::vector<double> values;
      for (int round = 0; round < 10; ++round) values.push_back(std::exp(noise(generator)));
      results.push_back(measured(values));
      forms.push_back(form);
    }
    const Best best = *best_of(forms, results);
    lucky += std::log(median_of(times(results[best.form].samples)).value) / kTrials;
    honest += std::log(median_of(times(best.series)).value) / kTrials;
  }
  EXPECT_LT(lucky, -0.012) << "the best of 50 equals looks 1.7 % too good";
  EXPECT_NEAR(honest, 0, 0.002);
}

TEST(BestOf, HardlyFavoursTheLuckiestWhereRoundsAreAlike) {
  std::mt19937 generator(5);
  std::normal_distribution<double> noise(0, 0.02);
  constexpr double kCorrelation = 0.7;
  const double fresh = std::sqrt(1 - kCorrelation * kCorrelation);
  double honest = 0;
  constexpr int kTrials = 300;
  for (int trial = 0; trial < kTrials; ++trial) {
    Results results;
    std::vector<std::size_t> forms;
    for (std::size_t form = 0; form < 20; ++form) {
      double state = noise(generator);
      std::vector<double> values;
      for (int round = 0; round < 20; ++round) {
        values.push_back(std::exp(state));
        state = kCorrelation * state + fresh * noise(generator);
      }
      results.push_back(measured(values));
      forms.push_back(form);
    }
    honest += std::log(median_of(times(best_of(forms, results)->series)).value) / kTrials;
  }
  EXPECT_GT(honest, -0.006) << "with even and odd rounds as halves it is 1.7 % too good";
  EXPECT_LT(honest, 0.001);
}

TEST(BestOf, CutsTheRoundsThatAllFormsHaveInTheMiddle) {
  // The second form was opened in round 3: both have 3 to 8, and the first half ends with 5.
  const Results results{measured({90, 90, 90, 90, 90, 110, 110, 110}),
                        measured({100, 100, 100, 80, 80, 80}, 3)};
  const std::optional<Best> best = best_of({0, 1}, results);
  ASSERT_TRUE(best);
  // By the later rounds the second is faster, by the earlier ones the first.
  EXPECT_EQ(times(best->series), (std::vector<double>{100, 100, 100, 110, 110, 110}));
}

TEST(BestOf, TakesEvenAndOddRoundsOfFormsThatWereMeasuredAtDifferentTimes) {
  const Results results{measured({90, 90, 90, 90, 90, 90, 90, 90}),
                        measured({100, 80, 100, 80, 100, 80}, 5)};
  const std::optional<Best> best = best_of({0, 1}, results);
  ASSERT_TRUE(best);
  // By the even rounds the second is faster, whose odd ones are 5, 7 and 9; by the odd the first.
  std::vector<int> rounds;
  for (const Timed& timed : best->series) rounds.push_back(timed.round);
  EXPECT_EQ(rounds, (std::vector<int>{2, 4, 5, 6, 7, 8, 9}));
}

TEST(BestOf, NamesWhatCannotBeToldFromIt) {
  const Results results{measured({100, 101, 99, 100, 101, 99}),
                        measured({100, 100, 100, 99, 101, 100}),
                        measured({120, 121, 119, 120, 121, 119}), Result{}};
  const std::optional<Best> best = best_of({0, 1, 2, 3}, results);
  ASSERT_TRUE(best);
  EXPECT_THAT(best->tied, testing::SizeIs(1));
  EXPECT_NE(best->tied.front(), 2U);
  EXPECT_FALSE(best_of({3}, results)) << "nothing was measured";
}

TEST(BestOf, TakesNoFormThatWasGivenUpEarly) {
  const Results results{measured({100, 101, 99, 100, 101, 99}), measured({50})};
  EXPECT_EQ(best_of({0, 1}, results)->form, 0U) << "one lucky round is no answer";
}

TEST(BestOf, KeepsWhoIsPreciseAfterFewRounds) {
  Results results{measured(std::vector<double>(7, 50)), measured(std::vector<double>(20, 90))};
  EXPECT_EQ(best_of({0, 1}, results)->form, 0U);
}

TEST(RatioOf, PairsTheRoundsThatBothHave) {
  const Series slow{{1, 200}, {2, 400}, {3, 100}, {9, 7}};
  const Series fast{{1, 100}, {2, 200}, {3, 50}, {8, 1}};
  const std::optional<Estimate> ratio = ratio_of(slow, fast, 0);
  ASSERT_TRUE(ratio);
  EXPECT_EQ(ratio->value, 2);
  EXPECT_EQ(ratio->rounds, 3);
  EXPECT_FALSE(ratio->has_interval());
  EXPECT_FALSE(ratio_of(Series{{1, 2}}, Series{{2, 2}}, 0));
}

TEST(Crossing, LiesWhereTwoStraightLinesMeet) {
  // 1000 + n against 4 n: equal at 333.3.
  Results results;
  Forms a;
  Forms b;
  for (const std::uint64_t n : {256, 512}) {
    const double size = static_cast<double>(n);
    a[n] = {results.size()};
    results.push_back(measured(std::vector<double>(8, 1000 + size)));
    b[n] = {results.size()};
    results.push_back(measured(std::vector<double>(8, 4 * size)));
  }
  const Crossing found = crossing_of({"a", "b", a, b}, results, 0);
  EXPECT_EQ(found.kind, Crossing::Kind::crossover);
  EXPECT_NEAR(found.elements.value, 1000.0 / 3, 1e-9);
  EXPECT_EQ(found.elements.rounds, 8);
  EXPECT_EQ(found.below, 256U);
  EXPECT_EQ(found.above, 512U);
  EXPECT_EQ(found.text(), "333 [333, 333]");
}

TEST(Crossing, TakesASizeThatWasOpenedLateByItsOwnRounds) {
  const std::vector<double> fast(8, 10);
  const Results results{measured(fast), measured(fast, 9), measured(std::vector<double>(8, 5)),
                        measured(std::vector<double>(8, 15), 9)};
  const Contest contest{"a", "b", {{1024, {0}}, {4096, {1}}}, {{1024, {2}}, {4096, {3}}}};
  EXPECT_EQ(crossing_of(contest, results, 0).text(), "2.50 Ki [2.50 Ki, 2.50 Ki]");
  EXPECT_EQ(crossing_of(contest, results, 0).elements.rounds, 8);
}

TEST(Rows, AreAddedByTheirStatus) {
  Row row;
  row.round = 4;
  row.time_ns = 12;
  row.iterations = 7;
  Result result;
  add_row(result, row);
  row.status = Status::noisy;
  row.round = 5;
  add_row(result, row);
  row.status = Status::failed;
  row.note = "first";
  add_row(result, row);
  row.note = "second";
  add_row(result, row);
  ASSERT_EQ(result.samples.size(), 2U);
  EXPECT_EQ(result.samples[1].round, 5);
  EXPECT_EQ(result.noisy, 1);
  EXPECT_EQ(result.failed, 2);
  EXPECT_EQ(result.failure, "first");
  EXPECT_EQ(result.iterations, 7);
  row.status = Status::skipped;
  add_row(result, row);
  EXPECT_EQ(result.skipped, "second");
}

}  // namespace
}  // namespace crossover
