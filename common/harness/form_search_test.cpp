#include "common/harness/form_search.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/harness/fake_model.hpp"
#include "common/harness/form_trial.hpp"

namespace crossover {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> three_forms(const Workload& workload, ElementType) {
  if (workload.is_sum) return {"plain", "wide", "four"};
  return {"plain", "wide", "ahead"};
}

/// Two models on two CPUs whose forms are as fast as a test says; the caches hold 1000 and 10,000
/// bytes, so that ranges end there and at 160,000.
class FormSearchTest : public testing::Test {
 protected:
  FormSearchTest() {
    for (const char* name : {"one", "two"}) {
      models_.push_back(std::make_unique<FakeModel>(name));
      FakeBehaviour& behaviour = model(models_.size() - 1).behaviour;
      behaviour.variants = {{"best"}};
      behaviour.forms = three_forms;
      behaviour.ns_in_form = [this](const Configuration& what, std::string_view form) {
        return ns_(what, form);
      };
    }
    options_.workloads = {"double"};
    options_.threads = std::vector<int>{1, 2};
    options_.sizes = {100, 100'000};
  }

  FakeModel& model(std::size_t index) { return static_cast<FakeModel&>(*models_[index]); }

  FoundForms find(double seconds = 10) {
    const std::vector<Planned> plan = make_plan(options_, models_, topology_);
    return find_forms({.plan = plan,
                       .models = models_,
                       .topology = topology_,
                       .caches = {1000, 10'000},
                       .fixed = options_.form,
                       .seconds = seconds,
                       .interrupted = interrupted_});
  }

  static std::string of(const ChosenForms& forms, std::uint64_t elements, int workers = 1,
                        const char* workload = "double") {
    Configuration what;
    what.workload = find_workload(workload);
    what.elements = elements;
    what.workers = workers;
    return std::string(forms.of(what, part_bytes(what)));
  }

  std::vector<std::unique_ptr<Model>> models_;
  Topology topology_ = synthetic_topology("core:2 pu:1");
  Options options_;
  std::atomic<bool> interrupted_{false};
  std::function<double(const Configuration&, std::string_view)> ns_ =
      [](const Configuration&, std::string_view) { return 1e6; };
};

TEST_F(FormSearchTest, TakesTheFastestByWhereAPartLiesAndByHowManyWork) {
  ns_ = [](const Configuration& what, std::string_view form) {
    if (part_bytes(what) <= 1000) return form == "wide" ? 0.5e6 : 1e6;
    if (what.workers == 1) return form == "ahead" ? 0.5e6 : 1e6;
    return form == "wide" ? 0.9e6 : 1e6;
  };
  const ChosenForms forms = find().forms;
  EXPECT_EQ(of(forms, 100), "wide");
  EXPECT_EQ(of(forms, 250), "wide") << "1000 bytes";
  EXPECT_EQ(of(forms, 100, 2), "wide") << "a core's own cache: as one worker";
  EXPECT_EQ(of(forms, 100'000), "ahead");
  EXPECT_EQ(of(forms, 100'000'000), "ahead");
  EXPECT_EQ(of(forms, 80'000, 2), "wide") << "160,000 bytes for each of the two";
  EXPECT_EQ(of(forms, 1000), "ahead") << "where the plan has nothing: as the next larger";
  EXPECT_EQ(of(forms, 100, 1, "reduce"), "");
}

TEST_F(FormSearchTest, TriesNoLargerThanThePlanAndInTheMiddleOfARange) {
  std::vector<std::uint64_t> parts;
  ns_ = [&](const Configuration& what, std::string_view) {
    if (parts.empty() || parts.back() != part_bytes(what)) parts.push_back(part_bytes(what));
    return 1e6;
  };
  options_.sizes = {50, 240, 2'000, 10'000, 10'000'000};
  options_.threads = std::vector<int>{1};
  find();
  EXPECT_THAT(parts, ElementsAre(40'000'000, 40'000, 5'000, 500));
  parts.clear();
  options_.sizes = {50, 1'500'000'000};
  find();
  EXPECT_THAT(parts, ElementsAre(std::uint64_t{512} << 20, 200)) << "or half a gibibyte";
}

TEST_F(FormSearchTest, TakesThePlainestOfThoseThatAreAlike) {
  const std::vector<Tried> tried{{"plain", 105}, {"wide", 100.9}, {"ahead", 100}};
  EXPECT_EQ(best_form(tried), "wide");
  EXPECT_EQ(best_form(std::vector<Tried>{{"plain", 101}, {"wide", 100}}), "plain");
  EXPECT_EQ(best_form(std::vector<Tried>{{"plain", 101.1}, {"wide", 100}}), "wide");
}

TEST_F(FormSearchTest, GoesByEachOnesFastestTurnAndGivesUpTheSlow) {
  int turn = 0;
  ns_ = [&](const Configuration& what, std::string_view form) {
    if (part_bytes(what) > 1000) return 1e6;
    if (form == "ahead") return 2e6;
    if (form == "wide") return ++turn == 1 ? 1.05e6 : 0.9e6;
    return 1e6;
  };
  options_.sizes = {100};
  options_.threads = std::vector<int>{1};
  EXPECT_EQ(of(find().forms, 100), "wide");
  EXPECT_EQ(std::count(model(0).log.forms.begin(), model(0).log.forms.end(), "ahead"), 1);
  EXPECT_EQ(std::count(model(0).log.forms.begin(), model(0).log.forms.end(), "wide"), 8);
}

TEST_F(FormSearchTest, SaysWhatWasTriedAndByHowMuchTheChosenIsAhead) {
  ns_ = [](const Configuration& what, std::string_view form) {
    const double ns = what.bytes();  // 1 GB/s
    return form == "wide" ? ns / 4 : form == "ahead" ? ns / 2 : ns;
  };
  options_.sizes = {100};
  options_.threads = std::vector<int>{1};
  const nlohmann::ordered_json all = find().description;
  ASSERT_EQ(all.size(), 2U) << "for one and for several";
  const nlohmann::ordered_json& one = all[0];
  EXPECT_EQ(one.at("workload"), "double");
  EXPECT_EQ(one.at("type"), "f32");
  EXPECT_EQ(one.at("workers"), "one");
  EXPECT_EQ(one.at("up_to_bytes"), 1000);
  EXPECT_EQ(one.at("form"), "wide");
  EXPECT_EQ(one.at("workers_tried"), 1);
  EXPECT_EQ(one.at("bytes_tried"), 400);
  EXPECT_DOUBLE_EQ(one.at("ahead_of_next"), 2);
  ASSERT_EQ(one.at("tried").size(), 3U);
  EXPECT_EQ(one.at("tried")[0].at("form"), "wide");
  EXPECT_DOUBLE_EQ(one.at("tried")[0].at("gb_per_s"), 4);
  EXPECT_EQ(one.at("tried")[2].at("form"), "plain");
}

TEST_F(FormSearchTest, ChoosesNothingWithoutTimeOrWhenItIsInterrupted) {
  EXPECT_THAT(find(0).forms.choices(), IsEmpty());
  interrupted_ = true;
  const FoundForms found = find();
  EXPECT_THAT(found.forms.choices(), IsEmpty());
  EXPECT_THAT(found.description, IsEmpty());
}

TEST_F(FormSearchTest, ChoosesNothingWhereThereIsNoRoom) {
  for (const std::size_t i : {0, 1}) {
    model(i).behaviour.on_prepare = [] { throw Unavailable("no room"); };
  }
  EXPECT_THAT(find().forms.choices(), IsEmpty());
}

TEST_F(FormSearchTest, LeavesGpusAndCostsAlone) {
  for (const std::size_t i : {0, 1}) model(i).behaviour.devices = {Devices::gpus({0})};
  EXPECT_THAT(find().forms.choices(), IsEmpty());
  for (const std::size_t i : {0, 1}) model(i).behaviour.devices = {Devices::cpus()};
  options_.workloads = {"count"};
  EXPECT_THAT(find().forms.choices(), IsEmpty());
}

TEST_F(FormSearchTest, TriesEachConfigurationThatHasFormsOfItsOwn) {
  for (const std::size_t i : {0, 1}) {
    model(i).behaviour.devices = {Devices::gpus({0}), Devices::gpus({1})};
    model(i).behaviour.forms = nullptr;
  }
  model(1).behaviour.own_forms = {"guess", "refused", "other"};
  ns_ = [](const Configuration& what, std::string_view form) {
    if (what.device == Devices::gpus({1})) return 1e6;
    return what.elements == 100 && form == "other" ? 0.5e6 : 1e6;
  };
  options_.threads = std::vector<int>{1};
  const FoundForms found = find();
  EXPECT_THAT(found.forms.choices(), IsEmpty());
  ASSERT_EQ(found.description.size(), 4U) << "two sizes on two devices";
  Configuration what;
  what.workload = find_workload("double");
  what.model = "two";
  what.variant = "best";
  what.elements = 100;
  what.device = Devices::gpus({0});
  EXPECT_EQ(found.forms.own(what), "other");
  const ChosenForms again = recorded_forms({{"forms", found.description}}, models_);
  EXPECT_EQ(again.own(what), "other");
  what.device = Devices::gpus({1});
  EXPECT_EQ(found.forms.own(what), "guess");
  what.elements = 100'000;
  EXPECT_EQ(found.forms.own(what), "guess");
  what.model = "one";
  EXPECT_EQ(found.forms.own(what), "");
  EXPECT_EQ(found.description[0].at("configuration"), "double/f32/two/best/resident/n:100000/w:1");
  EXPECT_EQ(found.description[0].at("tried").size(), 2U);
  EXPECT_THAT(find(0).description, IsEmpty());
}

TEST_F(FormSearchTest, RenewsTheInputWhereverAnOperationNeedsIt) {
  model(0).behaviour.operations_per_input = 3;
  ns_ = [](const Configuration&, std::string_view) { return 100'000; };
  options_.sizes = {100};
  options_.threads = std::vector<int>{1};
  find();
  EXPECT_GE(static_cast<std::int64_t>(model(0).log.salts.size()) * 3, model(0).log.operations);
}

TEST_F(FormSearchTest, TakesAFixedFormWhereThereIsOne) {
  options_.workloads = {"double", "reduce"};
  options_.form = "ahead";
  ns_ = [](const Configuration&, std::string_view form) { return form == "four" ? 0.5e6 : 1e6; };
  const FoundForms found = find();
  EXPECT_EQ(of(found.forms, 100), "ahead");
  EXPECT_EQ(of(found.forms, 1'000'000, 2), "ahead");
  EXPECT_EQ(of(found.forms, 100, 1, "reduce"), "four") << "measured";
  EXPECT_EQ(found.description[0].at("fixed"), true);
  EXPECT_TRUE(found.description[0].at("up_to_bytes").is_null());
}

TEST_F(FormSearchTest, RefusesAFormThatNothingHas) {
  options_.form = "wider";
  try {
    find();
    FAIL();
  } catch (const PlanError& error) {
    EXPECT_STREQ(error.what(),
                 "--form: unknown form 'wider': known are plain, wide, ahead; did you mean wide?");
  }
  options_.workloads = {"count"};
  EXPECT_THROW(find(), PlanError);
}

TEST_F(FormSearchTest, AreTheSameOutOfARecord) {
  ns_ = [](const Configuration& what, std::string_view form) {
    return form == (what.elements == 100 ? "wide" : "ahead") ? 0.5e6 : 1e6;
  };
  FoundForms found = find();
  nlohmann::ordered_json record{{"forms", found.description}};
  const ChosenForms again = recorded_forms(record, models_);
  ASSERT_EQ(again.choices().size(), found.forms.choices().size());
  EXPECT_EQ(of(again, 100), "wide");
  EXPECT_EQ(of(again, 100'000), "ahead");
  record["forms"][0]["form"] = "none such";
  record["forms"].push_back({{"workload", 7}});
  EXPECT_EQ(recorded_forms(record, models_).choices().size(), again.choices().size() - 1);
  EXPECT_THAT(recorded_forms({{"forms", 3}}, models_).choices(), IsEmpty());
}

TEST(CoreCaches, AreThoseOfOneCore) {
  const nlohmann::ordered_json machine = nlohmann::ordered_json::parse(R"({"cpu": {
      "cores": 8, "threads": 16, "caches": [
      {"level": 1, "type": "data", "bytes": 49152, "shared_by": 2},
      {"level": 1, "type": "instruction", "bytes": 65536, "shared_by": 2},
      {"level": 2, "type": "unified", "bytes": 4194304, "shared_by": 8},
      {"level": 3, "type": "unified", "bytes": 33554432, "shared_by": 16}]}})");
  const CoreCaches caches = core_caches(machine);
  EXPECT_EQ(caches.first, 49152U);
  EXPECT_EQ(caches.second, 1048576U) << "shared by four cores";
  const CoreCaches unknown =
      core_caches(nlohmann::ordered_json::parse(R"({"cpu": {"cores": null, "caches": []}})"));
  EXPECT_EQ(unknown.first, CoreCaches{}.first);
  EXPECT_EQ(unknown.second, CoreCaches{}.second);
}

}  // namespace
}  // namespace crossover
