#include "common/harness/model_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/harness/fake_model.hpp"

namespace crossover {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

TEST(KnownNames, AreThoseOfAllWorkloadsAndModels) {
  Models models;
  models.push_back(std::make_unique<FakeModel>("one"));
  models.push_back(std::make_unique<FakeModel>("two"));
  const KnownNames known = known_names(models);
  EXPECT_THAT(known.models, ElementsAre("one", "two"));
  ASSERT_EQ(known.workloads.size(), workloads().size());
  for (const Workload& workload : workloads()) {
    EXPECT_THAT(known.workloads, Contains(workload.name));
    EXPECT_THAT(known.default_workloads,
                workload.in_presets
                    ? testing::Matcher<std::vector<std::string>>(Contains(workload.name))
                    : Not(Contains(workload.name)));
  }
}

TEST(KnownNames, ShowAFamilyAsOneEntry) {
  EXPECT_THAT(known_names({}).shown_workloads,
              AllOf(Contains("double"), Contains("wait"), Contains("fma1 ... fma1024"),
                    Not(Contains("fma1")), Not(Contains("fma16"))));
}

std::string refusal(const std::string& name) {
  std::vector<Workload> all = workloads();
  all.push_back({.name = name, .summary = "my own", .types = {ElementType::f32}});
  return refuse_names(all);
}

TEST(RefuseNames, AcceptsThoseThatThereAre) {
  EXPECT_EQ(refuse_names(workloads()), "");
  EXPECT_EQ(refusal("my-axpy_2"), "");
}

TEST(RefuseNames, RefusesANameThatIsTaken) {
  EXPECT_EQ(refusal("triad"),
            "two workloads are called 'triad'; give your own another name: change kName in its "
            "file");
  EXPECT_THAT(refusal("wait"), HasSubstr("two workloads are called 'wait'"));
}

TEST(RefuseNames, RefusesWhatTheCommandLineCouldNotName) {
  for (const char* name : {"", "a,b", "a/b", "a b", "Axpy", "a\nb"}) {
    EXPECT_THAT(refusal(name),
                AllOf(HasSubstr("small letters, digits, - and _"), Not(HasSubstr("\n"))))
        << name;
  }
}

}  // namespace
}  // namespace crossover
