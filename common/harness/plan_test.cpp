#include "common/harness/plan.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "common/harness/fake_model.hpp"

namespace crossover {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

class Plan : public testing::Test {
 protected:
  Plan() {
    options_.workloads = {"reduce"};
    options_.sizes = {100};
    options_.threads = {{1, 2}};
    models_.push_back(std::make_unique<FakeModel>("first"));
    models_.push_back(std::make_unique<FakeModel>("second"));
  }

  std::vector<Planned> plan() { return make_plan(options_, models_, topology_); }
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (const Planned& planned : plan()) names.push_back(planned.configuration.name());
    return names;
  }
  std::string refusal() {
    try {
      plan();
    } catch (const PlanError& error) {
      return error.what();
    }
    return "";
  }
  FakeModel& model(std::size_t index) { return static_cast<FakeModel&>(*models_[index]); }

  Options options_;
  Topology topology_ = synthetic_topology("node:1 core:2 pu:1");
  std::vector<std::unique_ptr<Model>> models_;
};

TEST_F(Plan, TakesTheBestVariantAndTheLibraryByDefault) {
  options_.models = {{"first", ""}};
  options_.threads = {{2}};
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/resident/n:100/w:2",
                                   "reduce/f32/first/library/resident/n:100/w:2"));
}

TEST_F(Plan, TakesEveryStepWhenAskedForAll) {
  options_.models = {{"first", ""}};
  options_.threads = {{1}};
  options_.all_variants = true;
  EXPECT_EQ(names().size(), 3U);
}

TEST_F(Plan, TakesANamedVariantWhateverItsRole) {
  options_.models = {{"second", "step"}};
  options_.threads = {{1}};
  EXPECT_THAT(names(), ElementsAre("reduce/f32/second/step/resident/n:100/w:1"));
}

TEST_F(Plan, CoversWorkloadsTypesSizesModelsAndWorkers) {
  options_.workloads = {"double", "reduce"};
  options_.types = {ElementType::f32, ElementType::i64};
  options_.sizes = {0, 7, 100};
  EXPECT_EQ(plan().size(), 2U * 2 * 3 * 2 * 2 * 2);
}

TEST_F(Plan, CountsElementsPerWorkerWhenScalingIsWeak) {
  options_.models = {{"first", "best"}};
  options_.scaling = Scaling::weak;
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/resident/n:100/w:1",
                                   "reduce/f32/first/best/resident/n:200/w:2"));
  options_.sizes = {std::uint64_t{1} << 58};
  EXPECT_THAT(refusal(), HasSubstr("--sizes"));
}

TEST_F(Plan, MeasuresColdWhatMovesDataAndTheCostsWarm) {
  options_.workloads = {"reduce", "switch"};
  options_.models = {{"first", "best"}};
  options_.threads = {{2}};
  options_.caches = {Cache::warm, Cache::cold};
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/resident/n:100/w:2",
                                   "reduce/f32/first/best/resident/n:100/w:2/cold",
                                   "switch/none/first/best/resident/n:1/w:2"));
  options_.caches = {Cache::cold};
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/resident/n:100/w:2/cold",
                                   "switch/none/first/best/resident/n:1/w:2"));
}

TEST_F(Plan, HandsTheMultiprocessorsOn) {
  options_.models = {{"first", "best"}};
  const auto asked = [&](std::optional<std::vector<int>> counts) {
    options_.sms = std::move(counts);
    options_.sms_given = true;
    plan();
    return model(0).log.sweeps.sms;
  };
  EXPECT_EQ(asked(std::nullopt), std::nullopt);
  EXPECT_EQ(asked(std::vector<int>{}), std::vector<int>{});
  EXPECT_EQ(asked(std::vector<int>{1, 5}), (std::vector<int>{1, 5}));
}

TEST_F(Plan, SweepsADevicesWorkersAtOneSizeUnlessTheyAreAskedFor) {
  model(0).behaviour.devices = {Devices::gpus({0})};
  const std::vector<Scope> scopes{Scope::resident, Scope::kernel};
  model(0).behaviour.variants = {
      {"best", Variant::Role::best, scopes},
      {.name = "spread", .role = Variant::Role::best, .scopes = scopes, .swept = true},
      {"library", Variant::Role::library, {Scope::kernel}}};
  options_.models = {{"first", ""}};
  options_.sizes = {100, 200};
  options_.quoted_elements = 200;
  options_.threads = {{1, 2, 4}};  // the fake's devices have as many workers
  EXPECT_THAT(
      names(),
      ElementsAre(
          "reduce/f32/first/best/resident/n:100/w:4", "reduce/f32/first/best/kernel/n:100/w:4",
          "reduce/f32/first/library/kernel/n:100/w:4", "reduce/f32/first/best/resident/n:200/w:4",
          "reduce/f32/first/best/kernel/n:200/w:4", "reduce/f32/first/spread/kernel/n:200/w:1",
          "reduce/f32/first/spread/kernel/n:200/w:2", "reduce/f32/first/spread/kernel/n:200/w:4",
          "reduce/f32/first/library/kernel/n:200/w:4"));
  options_.sms_given = true;
  EXPECT_EQ(names().size(), 30U);
}

TEST_F(Plan, LeavesOutWhatIsNotInThePresetsUnlessItIsNamed) {
  options_.workloads = {};
  for (const Planned& planned : plan()) {
    EXPECT_TRUE(planned.configuration.workload->in_presets) << planned.configuration.name();
  }
  options_.workloads = {"triad"};
  options_.threads = {{1}};
  options_.models = {{"first", "best"}};
  EXPECT_THAT(names(), ElementsAre("triad/f32/first/best/resident/n:100/w:1"));
}

TEST_F(Plan, FiltersByName) {
  options_.filter = "first/best.*w:2$";
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/resident/n:100/w:2"));
  // A backtracking engine tries 2^n ways to tell that this does not match.
  options_.filter = "(.*)*!";
  EXPECT_THAT(refusal(), HasSubstr("--filter: no configuration matches"));
  options_.filter = "nothing like this";
  EXPECT_THAT(refusal(), HasSubstr("--filter: no configuration matches"));
}

TEST_F(Plan, SkipsWhatCannotRunUnlessItIsNamed) {
  model(1).behaviour.unavailable = "no such device";
  const auto all = plan();
  ASSERT_EQ(all.size(), 5U);
  EXPECT_EQ(all.front().model, nullptr);
  EXPECT_EQ(all.front().skip, "no such device");
  EXPECT_EQ(all.front().configuration.model, "second");
  EXPECT_EQ(all.front().configuration.device, Devices::none());
  options_.models = {{"second", ""}};
  EXPECT_THAT(refusal(), testing::AllOf(HasSubstr("second"), HasSubstr("no such device")));
}

TEST_F(Plan, RefusesAVariantThatDoesNotExistAndNamesThoseThatDo) {
  options_.models = {{"first", "fastest"}};
  EXPECT_THAT(refusal(), testing::AllOf(HasSubstr("fastest"), HasSubstr("best, library, step")));
}

TEST_F(Plan, KeepsToTheScopesAskedFor) {
  model(0).behaviour.variants = {{"best", Variant::Role::best, {Scope::resident, Scope::kernel}}};
  options_.threads = {{1}};
  options_.scopes = {{Scope::kernel}};
  EXPECT_THAT(names(), ElementsAre("reduce/f32/first/best/kernel/n:100/w:1"));
  options_.scopes = {{Scope::offload}};
  EXPECT_THAT(refusal(), HasSubstr("nothing to measure"));
}

TEST_F(Plan, PlacesWorkersByTheTopologyAndThePin) {
  options_.threads = {{2}};
  EXPECT_THAT(plan().front().placement.cpus, ElementsAre(0, 1));
  options_.pin = Pin::none;
  EXPECT_TRUE(plan().front().placement.cpus.empty());
}

TEST_F(Plan, ResolvesAutomaticThreadsByTheTopology) {
  options_.threads.reset();
  options_.models = {{"first", "best"}};
  topology_ = synthetic_topology("node:2 core:3 pu:2");
  std::vector<int> counts;
  for (const Planned& planned : plan()) counts.push_back(planned.configuration.workers);
  EXPECT_THAT(counts, ElementsAre(1, 2, 4, 6, 12));
}

TEST_F(Plan, TakesAWorkloadsOwnSizesUnlessOthersAreGiven) {
  // The description's hooks are tried on a real entry's copy: plans point at entries of
  // workloads().
  for (const Workload& workload : workloads()) {
    options_.workloads = {std::string(workload.name)};
    options_.sizes_given = false;
    options_.threads.reset();
    std::vector<std::uint64_t> sizes;
    for (const Planned& planned : plan()) {
      const std::uint64_t elements = planned.configuration.elements;
      const int workers = planned.configuration.workers;
      sizes.push_back(workload.per_worker ? elements / static_cast<std::uint64_t>(workers)
                                          : elements);
    }
    for (const std::uint64_t size : sizes) {
      EXPECT_THAT(workload.sizes.empty() ? options_.sizes : workload.sizes, Contains(size))
          << workload.name;
    }
    options_.sizes_given = true;
    for (const Planned& planned : plan()) {
      const auto workers = static_cast<std::uint64_t>(planned.configuration.workers);
      EXPECT_EQ(planned.configuration.elements, 100 * (workload.per_worker ? workers : 1));
    }
  }
}

TEST_F(Plan, GivesSizesForArraysToOtherWorkloadsOnlyWhenTheyAreNamed) {
  options_.models = {{"first", "best"}};
  options_.threads = {{1}};
  options_.sizes_given = true;
  options_.sizes = {std::uint64_t{1} << 30};
  options_.workloads = {};
  for (const Planned& planned : plan()) {
    const bool array = planned.configuration.workload->on_arrays();
    EXPECT_EQ(planned.configuration.elements == options_.sizes.front(), array)
        << planned.configuration.name();
  }
}

TEST_F(Plan, OversubscribesAVariantThatDoesNotLikeItOnlyWhenAsked) {
  options_.workloads = {"create"};
  options_.models = {{"first", ""}};
  model(0).behaviour.variants = {{"many"}, {"few", Variant::Role::best, {Scope::resident}, true}};
  const auto counts = [this](std::string_view variant) {
    std::vector<int> all;
    for (const Planned& planned : plan()) {
      if (planned.configuration.variant == variant) all.push_back(planned.configuration.workers);
    }
    return all;
  };
  options_.threads.reset();
  EXPECT_THAT(counts("many"), ElementsAre(1, 2, 64, 1024));
  EXPECT_THAT(counts("few"), ElementsAre(1, 2));
  options_.threads = {{5}};
  EXPECT_THAT(counts("few"), ElementsAre(5));
}

TEST_F(Plan, PutsWhatHandsItsMemoryOnIntoABlockOfTheSameDataAndPlace) {
  topology_ = synthetic_topology("node:2 core:2 pu:1");
  options_.workloads = {"double", "reduce"};
  options_.sizes = {100, 200};
  options_.threads = {{1, 2, 3, 4}};
  const auto blocks = [this](std::size_t Planned::*member) {
    std::map<std::size_t, std::set<std::string>> all;
    for (const Planned& planned : plan()) {
      const Configuration& what = planned.configuration;
      all[planned.*member].insert(fmt::format("{}/{}", what.elements, what.workers));
    }
    std::multiset<std::string> joined;
    for (const auto& [number, of] : all) joined.insert(fmt::format("{}", fmt::join(of, " ")));
    return joined;
  };
  const std::size_t configurations = plan().size();
  EXPECT_EQ(blocks(&Planned::block).size(), configurations);
  model(0).behaviour.memory = model(1).behaviour.memory = "fake";
  EXPECT_THAT(blocks(&Planned::block),
              ElementsAre("100/1 100/2", "100/3", "100/4", "200/1 200/2", "200/3", "200/4"))
      << "one and two workers are on one node, three and four lie in other parts on two";
  EXPECT_EQ(blocks(&Planned::data).size(), 12U) << "and two workloads";
  EXPECT_EQ(blocks(&Planned::team).size(), 16U) << "and every team";
  options_.pin = Pin::none;
  EXPECT_EQ(blocks(&Planned::block).size(), 8U) << "anywhere on both nodes";
  options_.pin = Pin::cores;
  model(1).behaviour.memory = "another sort";
  EXPECT_EQ(blocks(&Planned::block).size(), 12U);
  model(1).behaviour.memory = "";
  EXPECT_EQ(blocks(&Planned::block).size(), 6U + configurations / 2);
}

TEST_F(Plan, WaitsOnUpTo64WorkersACore) {
  options_.models = {{"first", "best"}};
  options_.workloads = {"wait"};
  options_.threads.reset();
  EXPECT_THAT(names(), ElementsAre("wait/none/first/best/resident/n:1/w:1",
                                   "wait/none/first/best/resident/n:2/w:2",
                                   "wait/none/first/best/resident/n:16/w:16",
                                   "wait/none/first/best/resident/n:128/w:128"));
  options_.threads = {{3}};
  EXPECT_THAT(names(), ElementsAre("wait/none/first/best/resident/n:3/w:3"));
}

TEST_F(Plan, RefusesASizeForArraysWhereItWouldTakeACostHours) {
  options_.workloads = {"create"};
  options_.threads = {{1}};
  options_.sizes_given = true;
  options_.sizes = {std::uint64_t{64} << 20};
  EXPECT_EQ(refusal(),
            "--sizes: an operation of create with 67108864 times one worker would take about 9 "
            "hours; at most 7200000 are measured");
  options_.sizes = {1000};
  EXPECT_EQ(refusal(), "");
}

TEST_F(Plan, SwitchesBetweenTwoWhateverTheThreads) {
  options_.models = {{"first", "best"}};
  options_.workloads = {"switch"};
  EXPECT_THAT(names(), ElementsAre("switch/none/first/best/resident/n:1/w:2"));
}

}  // namespace
}  // namespace crossover
