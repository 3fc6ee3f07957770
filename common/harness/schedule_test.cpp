#include "common/harness/schedule.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "common/harness/parse.hpp"
#include "common/harness/simulated_machine_testing.hpp"

namespace crossover {
namespace {

class Schedules : public testing::Test {
 protected:
  Schedules() {
    options_.workloads = {"reduce"};
    options_.sizes = {1024, 2048, 4096, 8192, 16384};
    options_.quoted_elements = 16384;
    options_.threads = {{1, 2, 4}};
    options_.rounds = 30;
    options_.rounds_wanted = 8;
    options_.min_time_s = 0.01;
    options_.precision_percent = 1;
  }
  void make(int gpus = 0) {
    models_ = simulated_models(gpus);
    plan_ = make_plan(options_, models_, synthetic_topology("core:4 pu:1"));
    results_.assign(plan_.size(), {});
    schedule_ = std::make_unique<Schedule>(plan_, options_);
  }
  /// Measures what is open, with times by `ns`, each sample taking `sample_s`.
  template <class Ns>
  void measure(const std::vector<std::size_t>& open, int round, double sample_s, Ns&& ns) {
    for (const std::size_t index : open) {
      results_[index].samples.push_back({round, ns(plan_[index].configuration, round)});
      results_[index].sample_s = sample_s;
    }
  }
  static double truth(const Configuration& what, int round) {
    return true_ns(what) * (1 + 0.001 * ((round * 7 + what.workers) % 5));
  }
  std::set<std::string> names(const std::vector<std::size_t>& indices) const {
    std::set<std::string> all;
    for (const std::size_t index : indices) all.insert(plan_[index].configuration.name());
    return all;
  }

  Options options_;
  std::vector<std::unique_ptr<Model>> models_;
  std::vector<Planned> plan_;
  Results results_;
  std::unique_ptr<Schedule> schedule_;
};

TEST_F(Schedules, TakeEverythingWhileThereIsTime) {
  make();
  for (int round = 0; round < 8; ++round) {
    const auto open = schedule_->next(round, results_, 1e6);
    EXPECT_EQ(open.size(), plan_.size()) << "nothing is given up, in round " << round;
    measure(open, round, 0.01, truth);
  }
  EXPECT_TRUE(schedule_->next(8, results_, 1e6).empty()) << "all is as precise as asked";
  EXPECT_TRUE(schedule_->left_out(results_).empty());
}

TEST_F(Schedules, GoOnWithWhatIsNotPreciseYet) {
  make();
  for (int round = 0; round < 10; ++round) {
    measure(schedule_->next(round, results_, 1e6), round, 0.01,
            [](const Configuration& what, int at) {
              return truth(what, at) * (what.model == "openmp" ? 1 + 0.1 * (at % 2) : 1);
            });
  }
  for (const std::string& name : names(schedule_->next(10, results_, 1e6))) {
    EXPECT_THAT(name, testing::HasSubstr("/openmp/"));
  }
}

TEST_F(Schedules, TakeTheAnswersFirst) {
  make();
  // Time for eight rounds of about twelve samples that cost some 13 ms.
  const auto open = names(schedule_->next(0, results_, 1.4));
  EXPECT_LT(open.size(), plan_.size() / 2);
  for (const char* name : {"reduce/f32/serial/loop/resident/n:16384/w:1",
                           "reduce/f32/threads/pool/resident/n:16384/w:4",
                           "reduce/f32/openmp/static/resident/n:16384/w:4"}) {
    EXPECT_TRUE(open.contains(name)) << name;
  }
  // One worker of a team's curve comes later, and so do the other sizes but the ends.
  EXPECT_FALSE(open.contains("reduce/f32/threads/pool/resident/n:16384/w:1"));
  EXPECT_FALSE(open.contains("reduce/f32/threads/pool/resident/n:8192/w:4"));
}

TEST_F(Schedules, TakeTheEndsOfACostsSizesFirst) {
  options_.workloads = {"count"};
  options_.sizes_given = true;
  options_.threads = {{4}};
  make();
  std::set<std::uint64_t> sizes;
  // In the least time in which there is one for the middle one.
  double left_s = 0;
  while (!sizes.contains(4096)) {
    left_s += 0.01;
    sizes.clear();
    schedule_ = std::make_unique<Schedule>(plan_, options_);
    for (const std::size_t index : schedule_->next(0, results_, left_s)) {
      sizes.insert(plan_[index].configuration.elements);
    }
    ASSERT_LT(left_s, 60);
  }
  EXPECT_TRUE(sizes.contains(1024) && sizes.contains(16384));
  EXPECT_FALSE(sizes.contains(8192));
}

TEST_F(Schedules, TakeASampleHoweverShortTheTime) {
  make();
  EXPECT_EQ(schedule_->next(0, results_, 1e-9).size(), 1U);
}

TEST_F(Schedules, GiveUpSlowFormsWhenTimeIsShort) {
  make();
  std::size_t before = 0;
  for (int round = 0; round < 8; ++round) {
    const auto open = schedule_->next(round, results_, (8 - round) * 0.6);
    if (round == 0) before = open.size();
    measure(open, round, 0.01, truth);
    if (round < 7) continue;
    const auto left = names(open);
    EXPECT_LT(left.size(), before);
    // Scaling at the quoted size and at the one in the caches is never given up.
    for (const char* workers : {"1", "2", "4"}) {
      EXPECT_TRUE(
          left.contains(std::string("reduce/f32/threads/pool/resident/n:16384/w:") + workers));
    }
    // The parallel library is far slower than the slices on every size of these.
    EXPECT_FALSE(left.contains("reduce/f32/stdpar/library/resident/n:1024/w:4"));
  }
}

TEST_F(Schedules, GiveUpTheLeastImportantWhenSamplesAreDearer) {
  make();
  const auto open = schedule_->next(0, results_, 8);
  EXPECT_GT(open.size(), 20U);
  measure(open, 0, 0.5, truth);  // not the 13 ms that were expected
  const auto left = names(schedule_->next(1, results_, 7));
  EXPECT_LT(left.size(), 4U);
  EXPECT_TRUE(left.contains("reduce/f32/serial/loop/resident/n:16384/w:1") ||
              left.contains("reduce/f32/threads/pool/resident/n:16384/w:4"));
}

TEST_F(Schedules, LookCloserWhereOneCurveOvertakesAnother) {
  options_.sizes = parse_sizes("1Ki..1Mi");
  options_.quoted_elements = std::uint64_t{1} << 20;
  options_.models = {{"serial", ""}, {"openmp", ""}};
  make();
  // The crossover of openmp on four workers lies near 8.4 Ki; there is time for half of the sizes.
  std::set<std::string> all;
  for (int round = 0; round < 8; ++round) {
    const auto open = schedule_->next(round, results_, (8 - round) * 0.45);
    measure(open, round, 0.013, truth);
    const auto some = names(open);
    all.insert(some.begin(), some.end());
  }
  EXPECT_TRUE(all.contains("reduce/f32/openmp/static/resident/n:8192/w:4"));
  EXPECT_TRUE(all.contains("reduce/f32/serial/loop/resident/n:8192/w:1"));
  EXPECT_LT(all.size(), plan_.size());
}

TEST_F(Schedules, GoOnWithWhatAnEarlierRunHasBegun) {
  make();
  results_[3].samples = {{0, 100}, {1, 100}};
  const auto open = schedule_->next(1, results_, 0.2);
  EXPECT_THAT(open, testing::Contains(3U));
}

TEST_F(Schedules, CloseWhatCannotBeMeasured) {
  make();
  results_[0].skipped = "no room";
  const auto open = schedule_->next(1, results_, 1e6);
  EXPECT_THAT(open, testing::Not(testing::Contains(0U)));
  EXPECT_THAT(schedule_->left_out(results_), testing::Not(testing::Contains(0U)));
}

TEST_F(Schedules, LearnWhatSamplesCost) {
  make();
  const double guess = schedule_->cost(0, results_);
  EXPECT_GT(guess, 0.01);
  results_[0].sample_s = 7;
  EXPECT_EQ(schedule_->cost(0, results_), 7);
  // Another size of the same model and variant is off by as much.
  std::size_t other = 0;
  for (std::size_t i = 1; i < plan_.size() && other == 0; ++i) {
    const Configuration& what = plan_[i].configuration;
    if (what.model == plan_[0].configuration.model && what.elements != 1024) other = i;
  }
  EXPECT_NEAR(schedule_->cost(other, results_) / 7, 1, 0.1);
}

TEST_F(Schedules, SayHowManyRoundsThereWillBe) {
  make();
  const auto open = schedule_->next(0, results_, 1e6);
  measure(open, 0, 0.01, truth);
  const double a_round = 0.01 * static_cast<double>(open.size());
  EXPECT_EQ(schedule_->expected_rounds(1, results_, 10.5 * a_round), 11);
  EXPECT_EQ(schedule_->expected_rounds(1, results_, 1e6), options_.rounds);
}

}  // namespace
}  // namespace crossover
