#include "common/harness/sampler.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/harness/fake_model.hpp"
#include "common/harness/file.hpp"
#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

class Sampling : public testing::Test {
 protected:
  Planned planned() {
    return {{find_workload("reduce"), ElementType::f32, "fake", "best", Scope::resident, 100, 1,
             Devices::cpus(), Cache::warm},
            topology_.place(1, Pin::cores),
            &model_,
            {}};
  }
  Measurement take(std::int64_t iterations = 0, double min_time_s = 0.001) {
    Sampler sampler(topology_, min_time_s, interrupted_);
    return sampler.take(planned(), 0, 1, iterations);
  }

  Topology topology_ = detect_topology();
  std::atomic<bool> interrupted_{false};
  FakeModel model_{"fake"};
};

TEST_F(Sampling, ReportsTheMeanTimeOfTheOperationsClock) {
  model_.behaviour.ns_per_operation = 250;
  const Measurement sample = take();
  EXPECT_NEAR(sample.time_ns, 250, 1e-6);
  EXPECT_GE(sample.elapsed_s, 0.001);
  EXPECT_NEAR(static_cast<double>(sample.iterations) * 250e-9, sample.elapsed_s, 1e-9);
}

TEST_F(Sampling, TellsWhatItTookOfTheRunWhateverItsClockSays) {
  model_.behaviour.ns_per_operation = 1e10;  // as of a chain of which a part is followed
  const Measurement sample = take(1);
  EXPECT_NEAR(sample.elapsed_s, 10, 1e-6);
  EXPECT_GT(sample.passed_s, 0);
  EXPECT_LT(sample.passed_s, 5);
}

TEST_F(Sampling, TakesAsManyOperationsAsItWasTold) {
  model_.behaviour.ns_per_operation = 1e5;
  EXPECT_EQ(take(10).iterations, 10);
}

TEST_F(Sampling, IsNeverShorterThanTheMinimumHoweverFastTheMachineHasBecome) {
  model_.behaviour.ns_per_operation = 10;  // an earlier sample thought 3 were enough
  const Measurement sample = take(3);
  EXPECT_GE(sample.elapsed_s, 0.001);
}

TEST_F(Sampling, GoesOnForWhatIsMissingWhereItWasTooShort) {
  const TemporaryFolder folder;
  NewFiles made;
  BenchmarkJson out(made.create(folder / "out.json"), "out.json");
  model_.behaviour.ns_per_operation = 1e5;
  Sampler sampler(topology_, 0.001, interrupted_, &out);
  const Measurement sample = sampler.take(planned(), 0, 1, 3);
  EXPECT_EQ(sample.iterations, 3 + 8) << "3 take 0.3 ms; 8 take the rest and a tenth of it";
  EXPECT_NEAR(sample.elapsed_s, 0.0011, 1e-9);
  EXPECT_NEAR(sample.time_ns, 1e5, 1e-3);
  const auto json = nlohmann::json::parse(read_file(folder / "out.json"));
  ASSERT_EQ(json.at("benchmarks").size(), 1U);
  EXPECT_EQ(json.at("benchmarks").back().at("iterations"), 11);
  EXPECT_NEAR(json.at("benchmarks").back().at("real_time").get<double>(), 1e5, 1e-3);
}

// Emptying the caches is outside the operations' clock and may take far longer than they do.
TEST_F(Sampling, CountsTheTimeInWhichCachesAreEmptied) {
  Planned what = planned();
  what.configuration.cache = Cache::cold;
  model_.behaviour.ns_per_operation = 10;
  model_.behaviour.operations_per_input = 1;  // so that each call is one operation
  model_.behaviour.on_time = [] { std::this_thread::sleep_for(std::chrono::microseconds(100)); };
  Sampler sampler(topology_, 0.01, interrupted_);
  const Measurement sample = sampler.take(what, 0, 1, 0);
  EXPECT_GE(sample.lasted_s, 0.01);
  EXPECT_LE(sample.iterations, 5000) << "a million would last as long by the operations' clock";
  EXPECT_NEAR(sample.time_ns, 10, 1e-6);
  const Measurement again = sampler.take(what, 1, 2, 1);
  EXPECT_GE(again.lasted_s, 0.01);
}

TEST_F(Sampling, RenewsTheInputBeforeItIsUsedUp) {
  model_.behaviour.ns_per_operation = 1000;
  model_.behaviour.operations_per_input = 7;
  const Measurement sample = take(100);
  EXPECT_GE(sample.iterations, 1000);
  EXPECT_GE(static_cast<std::int64_t>(model_.log.salts.size()) * 7, model_.log.operations);
}

TEST_F(Sampling, HandsOnWithinABlockOfARoundOnly) {
  model_.behaviour.memory = "fake";
  Sampler sampler(topology_, 0.001, interrupted_);
  Planned other = planned();
  other.block = 1;
  sampler.take(planned(), 0, 1, 0);
  EXPECT_EQ(model_.log.handed_on, 0);
  sampler.take(planned(), 0, 1, 0);
  EXPECT_EQ(model_.log.handed_on, 1);
  sampler.take(other, 0, 1, 0);
  sampler.take(planned(), 0, 1, 0);
  sampler.take(planned(), 1, 2, 0);
  EXPECT_EQ(model_.log.handed_on, 1);
}

TEST_F(Sampling, LetsNewDataSettleAndLongOperationsAlone) {
  model_.behaviour.memory = "fake";
  model_.behaviour.ns_per_operation = 1e6;
  model_.behaviour.on_time = [] { std::this_thread::sleep_for(std::chrono::milliseconds(1)); };
  // An operation that takes 1 ms takes longer on a busy machine, but not every time.
  bool settled = false;
  bool settled_elsewhere = false;
  for (int i = 0; i < 50 && !(settled && settled_elsewhere); ++i) {
    Sampler sampler(topology_, 0.001, interrupted_);
    const auto operations = [&](const Planned& what) {
      model_.log.operations = 0;
      sampler.take(what, 0, 1, 5);
      return model_.log.operations;
    };
    settled |= operations(planned()) >= 16 + 5;
    EXPECT_LT(operations(planned()), 16) << "the data was there";
    Planned other = planned();
    other.team = 1;
    settled_elsewhere |= operations(other) >= 16 + 5;
  }
  EXPECT_TRUE(settled);
  EXPECT_TRUE(settled_elsewhere) << "the memory was there, but in other caches";
  model_.behaviour.ns_per_operation = 1e9;
  Sampler slow(topology_, 0.5, interrupted_);
  slow.take(planned(), 0, 1, 1);
  EXPECT_GT(model_.log.operations, 1) << "new data";
  model_.log.operations = 0;
  slow.take(planned(), 0, 1, 1);
  EXPECT_EQ(model_.log.operations, 1) << "nothing to warm up";
}

TEST_F(Sampling, StopsInTheMiddleWhenInterrupted) {
  model_.behaviour.operations_per_input = 1;
  int calls = 0;
  model_.behaviour.on_time = [&] { interrupted_ = ++calls > 2000; };
  EXPECT_EQ(take(1'000'000'000, 3600).iterations, 0);
}

TEST_F(Sampling, CallsMoreWorkersThanCpusNoisyUnlessTheyAreTheQuestion) {
  Planned what = planned();
  what.placement.oversubscribed = true;
  Sampler sampler(topology_, 0.001, interrupted_);
  EXPECT_NE(sampler.take(what, 0, 1, 0).note.find("1 worker on"), std::string::npos);
  what.configuration.workload = &costs::create();
  what.configuration.type = ElementType::none;
  EXPECT_EQ(sampler.take(what, 0, 1, 0).note.find("worker on"), std::string::npos);
}

TEST_F(Sampling, HandsItsSamplesToGoogleBenchmarksJson) {
  const TemporaryFolder folder;
  NewFiles made;
  BenchmarkJson out(made.create(folder / "out.json"), "out.json");
  Sampler sampler(topology_, 0.001, interrupted_, &out);
  for (int round = 0; round < 3; ++round) {
    sampler.take(planned(), round, 1, 0);
    const auto json = nlohmann::json::parse(read_file(folder / "out.json"));
    ASSERT_EQ(json.at("benchmarks").size(), static_cast<std::size_t>(round) + 1) << "at any time";
    const auto& one = json.at("benchmarks").back();
    EXPECT_EQ(one.at("name"), planned().configuration.name());
    EXPECT_EQ(one.at("run_type"), "iteration");
    EXPECT_EQ(one.at("repetition_index"), round);
    EXPECT_NEAR(one.at("real_time").get<double>(), 1000, 1e-6);
    EXPECT_TRUE(json.contains("context"));
  }
}

TEST_F(Sampling, KeepsTheSamplesBeforeWhenGoogleBenchmarksJsonCannotBeWritten) {
  const TemporaryFolder folder;
  NewFiles made;
  BenchmarkJson out(made.create(folder / "out.json"), "out.json");
  Sampler sampler(topology_, 0.001, interrupted_, &out);
  sampler.take(planned(), 0, 1, 0);
  const std::string before = read_file(folder / "out.json");
  for (const std::size_t room : {0U, 10U}) {
    const FileSizeLimit limit(before.size() + room);
    EXPECT_THROW(sampler.take(planned(), 1, 1, 0), BenchmarkJsonError);
    EXPECT_EQ(read_file(folder / "out.json"), before);
  }
  sampler.take(planned(), 2, 1, 0);
  EXPECT_EQ(nlohmann::json::parse(read_file(folder / "out.json")).at("benchmarks").size(), 2U);
}

}  // namespace
}  // namespace crossover
