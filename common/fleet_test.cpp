#include "common/fleet.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossover {
namespace {

using testing::ElementsAre;

TEST(NodeNames, AreTheHosts) { EXPECT_THAT(node_names({"b", "a"}), ElementsAre("b", "a")); }

TEST(NodeNames, AreDistinctWhereNodesShareAHost) {
  EXPECT_THAT(node_names({"a", "b", "a"}), ElementsAre("a-0", "b-1", "a-2"));
  EXPECT_THAT(node_names({"a", "a", "a-1"}), ElementsAre("a-0", "a-1", "a-1-2"));
}

}  // namespace
}  // namespace crossover
