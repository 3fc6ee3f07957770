#include "common/harness/node_times.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class Fleets : public testing::Test {
 protected:
  void add(const std::string& node, double time_ns, std::uint64_t elements = 1000,
           const std::string& device = "cpu", Status status = Status::ok) {
    Row row = example_row();
    row.node = node;
    row.time_ns = time_ns;
    row.elements = elements;
    row.device = device;
    row.status = status;
    times_.add(row);
  }
  NodeTimes times_;
};

TEST_F(Fleets, NameTheNodeThatIsSlowerThanTheMedianOfTheOthers) {
  for (const char* node : {"a", "b", "c"}) add(node, 100);
  for (const double time : {290.0, 300.0, 1000.0}) add("d", time);
  const auto behind = times_.behind();
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].node, "d");
  EXPECT_EQ(behind[0].what, "reduce");
  EXPECT_DOUBLE_EQ(behind[0].ratio, 3) << "the median of its samples";
}

TEST_F(Fleets, CompareTwoNodesWithEachOther) {
  // The median of both would halve the distance.
  add("a", 100);
  add("b", 120);
  const auto behind = times_.behind();
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_EQ(behind[0].node, "b");
  EXPECT_DOUBLE_EQ(behind[0].ratio, 1.2);
}

TEST_F(Fleets, TakeTheGeometricMeanOverConfigurations) {
  for (const std::uint64_t elements : {1, 2, 3}) add("a", 100, elements);
  add("b", 400, 1);
  add("b", 100, 2);
  add("b", 50, 3);
  add("b", 7, 4);  // which nobody else has
  const auto behind = times_.behind();
  ASSERT_EQ(behind.size(), 1U);
  EXPECT_NEAR(behind[0].ratio, 1.26, 0.001);
  EXPECT_EQ(behind[0].slower, 1);
  EXPECT_EQ(behind[0].of, 3);
}

TEST_F(Fleets, TellDevicesApart) {
  for (std::uint64_t elements = 1; elements < 100; ++elements) {
    add("a", 100, elements);
    add("b", 100, elements);
  }
  add("a", 100, 1, "gpu0");
  add("b", 130, 1, "gpu0");
  const auto behind = times_.behind();
  ASSERT_EQ(behind.size(), 1U) << "one slow GPU is not lost among all the CPU's configurations";
  EXPECT_EQ(behind[0].what, "reduce gpu0");
}

TEST_F(Fleets, PutTheSlowestFirst) {
  add("a", 150);
  add("b", 100);
  add("c", 100);
  add("d", 100);
  add("e", 200);
  const auto behind = times_.behind();
  ASSERT_EQ(behind.size(), 2U);
  EXPECT_EQ(behind[0].node, "e");
  EXPECT_EQ(behind[1].node, "a");
}

TEST_F(Fleets, ForgiveAFewPercent) {
  add("a", 100);
  add("b", 104);
  EXPECT_THAT(times_.behind(), IsEmpty());
  EXPECT_THAT(times_.summary({"a", "b"}), HasSubstr("no node falls behind"));
}

TEST_F(Fleets, TakeNoTimeOfAWrongResult) {
  add("a", 100);
  add("b", 100);
  add("b", 1e6, 1000, "cpu", Status::failed);
  EXPECT_THAT(times_.behind(), IsEmpty());
  EXPECT_THAT(times_.summary({"a", "b"}), HasSubstr("2 nodes: 3 samples, 0 noisy, 1 failed"));
}

TEST_F(Fleets, SayInTheSummaryWhoFallsBehindByHowMuch) {
  add("a", 100);
  add("b", 131);
  const std::string summary = times_.summary({"a", "b", "c"});
  EXPECT_THAT(summary, testing::ContainsRegex("b: reduce +1\\.31x +1 of 1 configurations"));
  EXPECT_THAT(summary, HasSubstr("c has measured nothing"));
  EXPECT_THAT(summary, Not(HasSubstr("no node falls behind")));
}

}  // namespace
}  // namespace crossover
