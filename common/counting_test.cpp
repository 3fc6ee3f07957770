#include "common/counting.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace crossover::counting {
namespace {

TEST(Counting, SharesAllIncrementsOut) {
  for (const std::uint64_t elements : {0, 1, 2, 7, 100}) {
    for (const int workers : {1, 2, 3, 8, 200}) {
      std::uint64_t total = 0;
      for (int worker = 0; worker < workers; ++worker) {
        const std::uint64_t mine = share(elements, worker, workers);
        EXPECT_LE(mine, share(elements, 0, workers));
        EXPECT_GE(mine + 1, share(elements, 0, workers));
        total += mine;
      }
      EXPECT_EQ(total, elements);
    }
  }
}

TEST(Counting, TakesTheExactCountOnly) {
  const Counted counted{first(3), 10, 100};
  EXPECT_TRUE(verify(counted, first(3) + 1000, false).correct);
  for (const std::uint64_t wrong : {first(3) + 999, first(3) + 1001, first(3), first(2) + 1000,
                                    first(3) - 1, std::uint64_t{0}}) {
    const Verdict verdict = verify(counted, wrong, false);
    EXPECT_FALSE(verdict.correct) << wrong;
    EXPECT_GT(verdict.error, 0);
    EXPECT_NE(verdict.note, "");
  }
}

TEST(Counting, MayLoseIncrementsButNeitherMakeThemUpNorLoseAll) {
  const Counted counted{first(1), 10, 100};
  EXPECT_DOUBLE_EQ(verify(counted, first(1) + 750, true).error, 0.25);
  EXPECT_TRUE(verify(counted, first(1) + 10, true).correct);
  EXPECT_FALSE(verify(counted, first(1) + 9, true).correct);
  EXPECT_FALSE(verify(counted, first(1) + 1001, true).correct);
  EXPECT_FALSE(verify(counted, first(1) - 1, true).correct);
}

TEST(Counting, OfNothingIsExact) {
  EXPECT_TRUE(verify({first(1), 5, 0}, first(1), true).correct);
  EXPECT_FALSE(verify({first(1), 5, 0}, first(1) + 1, true).correct);
  EXPECT_FALSE(std::isfinite(verify({first(1), 5, 0}, first(1) + 1, true).error));
}

}  // namespace
}  // namespace crossover::counting
