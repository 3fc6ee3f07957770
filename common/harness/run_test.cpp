#include "common/harness/run.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <map>
#include <numeric>
#include <set>

#include "common/harness/fake_model.hpp"

namespace crossover {
namespace {

class Rounds : public testing::Test {
 protected:
  Rounds() {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    options_.workloads = {"reduce"};
    options_.sizes = {100, 200, 300};
    options_.threads = {{1, 2}};
    options_.rounds = 4;
    options_.min_time_s = 1e-6;
    options_.precision_percent = 1e-9;
    options_.budget_s = 60;
    options_.label = "test";
    models_.push_back(std::make_unique<FakeModel>("fake"));
  }
  ~Rounds() override { std::filesystem::remove_all(folder_); }

  FakeModel& model() { return static_cast<FakeModel&>(*models_[0]); }

  End go(const std::vector<Row>& earlier = {}) {
    const std::vector<Planned> plan = make_plan(options_, models_, topology_);
    CsvWriter writer = std::filesystem::exists(csv_)
                           ? CsvWriter::append_to(csv_, read_csv(csv_).valid_bytes)
                           : CsvWriter::create(csv_);
    Sampler sampler(topology_, options_.min_time_s, interrupted_);
    Progress progress(true);
    crossover::Run run(
        {options_, "run", 42, interrupted_}, plan, earlier, sampler,
        [&](const Row& row) { writer.append(row); }, progress);
    const End end = run.go();
    results_ = run.results();
    rounds_ = run.rounds();
    return end;
  }
  std::vector<Row> rows() { return read_csv(csv_).rows; }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("crossover-run-" + std::to_string(getpid()));
  std::filesystem::path csv_ = folder_ / "run.csv";
  Options options_;
  Topology topology_ = detect_topology();
  std::vector<std::unique_ptr<Model>> models_;
  std::atomic<bool> interrupted_{false};
  Results results_;
  int rounds_ = 0;
};

TEST_F(Rounds, TakeOneSampleOfEveryConfigurationEachInAnOrderOfItsOwn) {
  EXPECT_EQ(go(), End::rounds);
  EXPECT_EQ(rounds_, 4);
  std::map<int, std::vector<std::string>> by_round;
  for (const Row& row : rows()) by_round[row.round].push_back(row.configuration());
  ASSERT_EQ(by_round.size(), 4U);
  std::set<std::vector<std::string>> orders;
  for (auto& [round, names] : by_round) {
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 12U) << round;
    EXPECT_EQ(names.size(), 12U) << round;
    orders.insert(names);
  }
  EXPECT_EQ(orders.size(), 4U) << "two rounds in the same order";
}

TEST_F(Rounds, SayWhetherCachesWereColdAndHowMuchArithmeticItWas) {
  options_.caches = {Cache::warm, Cache::cold};
  options_.sizes = {100};
  options_.threads = {{1}};
  options_.workloads = {"dot"};
  go();
  std::multiset<std::string> caches;
  for (const Row& row : rows()) {
    caches.insert(row.cache);
    EXPECT_EQ(row.configuration().ends_with("/cold"), row.cache == "cold");
    EXPECT_EQ(row.flops, 200);
  }
  EXPECT_EQ(caches.count("warm"), 8U);
  EXPECT_EQ(caches.count("cold"), 8U);
}

TEST_F(Rounds, AskForFewerOperationsOnceTwoSamplesInARowLastedTooLong) {
  options_.sizes = {100};
  options_.threads = {{1}};
  options_.rounds = 6;
  options_.min_time_s = 1e-3;
  model().behaviour.variants = {{"best"}};
  std::vector<double> times_ns{1000, 3000, 1000, 3000, 3000, 3000};
  model().behaviour.on_prepare = [&] {
    model().behaviour.ns_per_operation = times_ns.front();
    times_ns.erase(times_ns.begin());
  };
  go();
  std::vector<std::int64_t> iterations;
  for (const Row& row : rows()) iterations.push_back(row.iterations);
  // The pilot finds its number by the clock on the wall, on which the fake takes no time.
  ASSERT_EQ(iterations.size(), 6U);
  EXPECT_EQ(iterations[1], iterations[0]);
  iterations.erase(iterations.begin(), iterations.begin() + 2);
  EXPECT_THAT(iterations, testing::ElementsAre(1100, 1100, 1100, 367));
}

TEST_F(Rounds, EndWhenEveryMedianIsPrecise) {
  // The fake's time is exactly the same each time: precise as soon as there is an interval.
  options_.rounds = 100;
  options_.rounds_wanted = 6;
  options_.precision_percent = 1;
  EXPECT_EQ(go(), End::precise);
  EXPECT_EQ(rounds_, 6);
}

TEST_F(Rounds, EndWhenTheBudgetIsSpent) {
  options_.rounds = 1000000;
  options_.budget_s = 0.2;
  int calls = 0;
  model().behaviour.on_time = [&] { model().behaviour.ns_per_operation = 1000 + ++calls % 97; };
  EXPECT_EQ(go(), End::budget);
  EXPECT_GT(rows().size(), 12U);
}

TEST_F(Rounds, EndAtOnceWhenInterrupted) {
  int prepared = 0;
  model().behaviour.on_prepare = [&] { interrupted_ = ++prepared == 5; };
  EXPECT_EQ(go(), End::interrupted);
  EXPECT_EQ(rows().size(), 4U) << "a sample that was cut short is no sample";
}

TEST_F(Rounds, ChangeTheInputFromRoundToRound) {
  go();
  EXPECT_EQ(std::set<std::uint32_t>(model().log.salts.begin(), model().log.salts.end()).size(), 4U);
}

TEST_F(Rounds, VerifyEverySample) {
  go();
  EXPECT_EQ(model().log.verified, 48);
}

TEST_F(Rounds, WriteAWrongResultAsFailedAndGoOn) {
  int verified = 0;
  model().behaviour.on_verify = [&] {
    return ++verified == 3 ? Verdict{0.5, false, "the sum is 1 instead of 2"}
                           : Verdict{0, true, {}};
  };
  go();
  const auto all = rows();
  EXPECT_EQ(all.size(), 48U);
  EXPECT_EQ(std::count_if(all.begin(), all.end(),
                          [](const Row& row) { return row.status == Status::failed; }),
            1);
  EXPECT_EQ(all[2].note, "the sum is 1 instead of 2");
  EXPECT_EQ(all[2].error, 0.5);
  int failed = 0;
  for (const Result& result : results_) failed += result.failed;
  EXPECT_EQ(failed, 1);
}

TEST_F(Rounds, KeepNoTimeOfAWrongResult) {
  model().behaviour.on_verify = [] { return Verdict{std::nan(""), false, "NaN"}; };
  go();
  for (const Result& result : results_) EXPECT_TRUE(result.samples.empty());
}

TEST_F(Rounds, SkipOnceWhatCannotRunAndSayWhy) {
  model().behaviour.on_prepare = [] { throw Unavailable("no more threads"); };
  go();
  const auto all = rows();
  ASSERT_EQ(all.size(), 12U) << "once each, not in every round";
  EXPECT_EQ(all[0].status, Status::skipped);
  EXPECT_EQ(all[0].note, "no more threads");
}

TEST_F(Rounds, SkipWhatDoesNotFitWithoutTryingIt) {
  model().behaviour.host_bytes = std::uint64_t{1} << 60;
  go();
  EXPECT_TRUE(model().log.prepared.empty());
  EXPECT_THAT(rows().at(0).note, testing::HasSubstr("of memory"));
}

TEST_F(Rounds, SurviveAModelThatThrows) {
  int timed = 0;
  model().behaviour.on_time = [&] {
    if (++timed == 20) throw std::runtime_error("the device is gone");
  };
  go();
  int failed = 0;
  for (const Row& row : rows()) {
    if (row.status != Status::failed) continue;
    ++failed;
    EXPECT_EQ(row.note, "the device is gone");
    EXPECT_TRUE(std::isnan(row.error));
  }
  EXPECT_EQ(failed, 1);
}

TEST_F(Rounds, MarkWhatTheDeviceReportsAsDisturbed) {
  model().behaviour.observed.disturbed = "throttled";
  go();
  for (const Row& row : rows()) {
    EXPECT_EQ(row.status, Status::noisy);
    EXPECT_THAT(row.note, testing::HasSubstr("throttled"));
  }
}

TEST_F(Rounds, MarkTeamsLargerThanTheMachine) {
  options_.threads = {{static_cast<int>(topology_.threads.size()) + 1}};
  go();
  EXPECT_EQ(rows().at(0).status, Status::noisy);
  EXPECT_THAT(rows().at(0).note, testing::HasSubstr(" CPU"));
}

TEST_F(Rounds, ContinueAnInterruptedRunWithoutMeasuringAnythingTwice) {
  options_.caches = {Cache::warm, Cache::cold};
  go();
  const std::vector<Row> whole = rows();
  for (const std::size_t kept : {std::size_t{0}, std::size_t{1}, std::size_t{17}, whole.size()}) {
    std::filesystem::remove(csv_);
    {
      CsvWriter writer = CsvWriter::create(csv_);
      for (std::size_t i = 0; i < kept; ++i) writer.append(whole[i]);
    }
    EXPECT_EQ(go({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(kept)}), End::rounds);
    const std::vector<Row> again = rows();
    ASSERT_EQ(again.size(), whole.size()) << kept;
    for (std::size_t i = 0; i < again.size(); ++i) {
      EXPECT_EQ(again[i].configuration(), whole[i].configuration()) << "the order of the same seed";
      EXPECT_EQ(again[i].round, whole[i].round);
    }
  }
}

/// Entries of a plan with these blocks and data.
std::vector<Planned> in_blocks(const std::vector<std::pair<std::size_t, std::size_t>>& all) {
  std::vector<Planned> plan;
  for (const auto& [block, data] : all) {
    plan.emplace_back();
    plan.back().block = block;
    plan.back().data = data;
  }
  return plan;
}

/// `count` configurations, each in a block of its own.
std::vector<Planned> alone(std::size_t count) {
  std::vector<std::pair<std::size_t, std::size_t>> all;
  for (std::size_t i = 0; i < count; ++i) all.emplace_back(i, i);
  return in_blocks(all);
}

TEST(ShuffledOrder, IsAPermutationThatDependsOnSeedAndRound) {
  const auto order = shuffled_order(alone(100), 1, 0);
  auto sorted = order;
  std::sort(sorted.begin(), sorted.end());
  std::vector<std::size_t> all(100);
  std::iota(all.begin(), all.end(), std::size_t{0});
  EXPECT_EQ(sorted, all);
  EXPECT_EQ(order, shuffled_order(alone(100), 1, 0));
  EXPECT_NE(order, shuffled_order(alone(100), 1, 1));
  EXPECT_NE(order, shuffled_order(alone(100), 2, 0));
  EXPECT_TRUE(shuffled_order(alone(0), 1, 0).empty());
}

TEST(ShuffledOrder, PutsEveryConfigurationEverywhereEquallyOften) {
  // Each of 5 in each of 5 places in a fifth of 5000 rounds: 1000, within 5 standard deviations.
  std::vector<std::vector<int>> seen(5, std::vector<int>(5));
  for (int round = 0; round < 5000; ++round) {
    const auto order = shuffled_order(alone(5), 7, round);
    for (std::size_t place = 0; place < 5; ++place) ++seen[order[place]][place];
  }
  for (const auto& places : seen) {
    for (const int count : places) EXPECT_NEAR(count, 1000, 5 * 28);
  }
}

TEST(ShuffledOrder, KeepsBlocksTogetherInEveryOrder) {
  // A block of two and two of one: it is first in a third of the rounds, and each of its members
  // leads in half of them.
  const std::vector<Planned> plan = in_blocks({{4, 1}, {9, 2}, {4, 1}, {7, 3}});
  int first = 0;
  int leads = 0;
  for (int round = 0; round < 3000; ++round) {
    const auto order = shuffled_order(plan, 7, round);
    const auto place = [&](std::size_t index) {
      return std::find(order.begin(), order.end(), index) - order.begin();
    };
    ASSERT_EQ(std::abs(place(0) - place(2)), 1);
    first += std::min(place(0), place(2)) == 0 ? 1 : 0;
    leads += place(0) < place(2) ? 1 : 0;
  }
  EXPECT_NEAR(first, 1000, 5 * 28);
  EXPECT_NEAR(leads, 1500, 5 * 28);
}

TEST(ShuffledOrder, KeepsDataTogetherWithinABlockAndTeamsWithinThat) {
  std::vector<Planned> plan = in_blocks({{0, 1}, {0, 2}, {5, 3}, {0, 1}, {0, 2}, {5, 3}});
  for (std::size_t i = 0; i < 3; ++i) plan.push_back(plan[i]);
  for (std::size_t i = 0; i < plan.size(); ++i) plan[i].team = 10 * plan[i].data + (i < 6 ? 1 : 2);
  std::set<std::vector<std::size_t>> seen;
  for (int round = 0; round < 500; ++round) {
    const auto order = shuffled_order(plan, 7, round);
    std::vector<std::size_t> data;
    std::vector<std::size_t> teams;
    for (const std::size_t index : order) {
      if (data.empty() || data.back() != plan[index].data) data.push_back(plan[index].data);
      if (teams.empty() || teams.back() != plan[index].team) teams.push_back(plan[index].team);
    }
    ASSERT_EQ(teams.size(), 6U);
    ASSERT_EQ(data.size(), 3U) << "each once";
    ASSERT_NE(data[1], 3U) << "another block's, in the middle of one";
    seen.insert(data);
  }
  EXPECT_EQ(seen.size(), 4U);
}

}  // namespace
}  // namespace crossover
