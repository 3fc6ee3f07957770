#include "common/plural.hpp"

#include <gtest/gtest.h>

namespace crossover {
namespace {

TEST(Plural, IsThatOfTheNumberAsItIsWritten) {
  EXPECT_EQ(counted(0, "round"), "0 rounds");
  EXPECT_EQ(counted(1, "round"), "1 round");
  EXPECT_EQ(counted(2U, "round"), "2 rounds");
  EXPECT_EQ(counted("1.5", "CPU"), "1.5 CPUs");
  EXPECT_EQ(counted(1.2, "context switch", "es"), "1 context switch");
  EXPECT_EQ(counted(1.7, "context switch", "es"), "2 context switches");
}

}  // namespace
}  // namespace crossover
