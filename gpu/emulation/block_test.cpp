#include "gpu/emulation/block.hpp"

#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cuda/atomic>
#include <memory>
#include <vector>

#include "gpu/thread.cuh"

/// The emulation shows what it is there to show: each mistake below fails on every run.
namespace crossover::emulation {
namespace {

constexpr unsigned kThreads = 128;

struct Tree;

/// The tree of `reduce/shared`, with and without its barriers.
void tree(const float* x, float* result, bool with_barriers) {
  float* const shared = gpu::shared_array<float, kThreads, Tree>();
  shared[threadIdx.x] = x[threadIdx.x];
  if (with_barriers) __syncthreads();
  for (unsigned width = kThreads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) shared[threadIdx.x] += shared[threadIdx.x + width];
    if (with_barriers) __syncthreads();
  }
  if (threadIdx.x == 0) *result = shared[0];
}

float run_tree(bool with_barriers) {
  std::vector<float> x(kThreads);
  for (unsigned i = 0; i < kThreads; ++i) x[i] = static_cast<float>(i + 1);
  float result = 0;
  run_grid({1}, {kThreads}, 0, [&] { tree(x.data(), &result, with_barriers); });
  return result;
}

class Block : public testing::Test {
 protected:
  void SetUp() override {
    testing::FLAGS_gtest_death_test_style = "threadsafe";
    schedule() = {};
  }
  void TearDown() override { schedule() = {}; }
};

using BlockDeathTest = Block;

TEST_F(Block, SumsWithBarriersInEveryOrder) {
  for (const Order order : {Order::ascending, Order::descending, Order::shuffled}) {
    schedule().order = order;
    EXPECT_EQ(run_tree(true), kThreads * (kThreads + 1) / 2);
  }
}

#ifdef CROSSOVER_THREAD_SANITIZER

TEST_F(BlockDeathTest, ForgottenBarrierIsARace) {
  const auto run = [] {
    // The order in which the result is right by chance.
    schedule().order = Order::descending;
    run_tree(false);
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(66), "data race");
}

TEST_F(BlockDeathTest, BlocksThatWriteTheSamePlaceRace) {
  const auto run = [] {
    int place = 0;
    run_grid({2}, {1}, 0, [&] { place = static_cast<int>(blockIdx.x); });
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(66), "data race");
}

// Up to the last block whose threads all have fibers of their own. (ThreadSanitizer has 255 slots
// for threads, and takes those in one for ordered: so not the same thread of both blocks.)
TEST_F(BlockDeathTest, NeighboursRaceInAGridOfManyThreads) {
  const auto run = [] {
    int place = 0;
    run_grid({40}, {256}, 0, [&] {
      const unsigned block = blockIdx.x;
      if ((block == 25 && threadIdx.x == 0) || (block == 26 && threadIdx.x == 100)) {
        place = static_cast<int>(block);
      }
    });
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(66), "data race");
}

TEST_F(BlockDeathTest, ShufflesOrderNoMemory) {
  const auto run = [] {
    int place = 0;
    run_grid({1}, {32}, 0, [&] {
      if (threadIdx.x == 0) place = 1;
      __shfl_down_sync(0xffffffffU, 1, 1);
      if (threadIdx.x == 1) place = 2;
    });
    std::exit(0);
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(66), "data race");
}

#else

TEST_F(Block, ForgottenBarrierFindsPoison) { EXPECT_TRUE(std::isnan(run_tree(false))); }

#endif

TEST_F(Block, BarriersAndFencesOrderMemory) {
  std::vector<int> places(kThreads);
  std::vector<int> seen(kThreads);
  run_grid({1}, {kThreads}, 0, [&] {
    for (int round = 1; round <= 5; ++round) {
      places[threadIdx.x] = round;
      __syncthreads();
      seen[threadIdx.x] = places[(threadIdx.x + 1) % kThreads];
      __syncthreads();
    }
  });
  EXPECT_EQ(seen, std::vector<int>(kThreads, 5));

  int data = 0;
  unsigned ticket = 0;
  int read = 0;
  run_grid({2}, {1}, 0, [&] {
    if (blockIdx.x == 0) data = 42;
    __threadfence();
    if (atomicInc(&ticket, 1) != 1) return;
    __threadfence();
    read = data;
  });
  EXPECT_EQ(read, 42);
  EXPECT_EQ(ticket, 0U);
}

TEST_F(Block, ShufflesHandValuesDown) {
  std::vector<double> sums(64);
  run_grid({1}, {64}, 0, [&] {
    double value = threadIdx.x;
    for (unsigned delta = 16; delta > 0; delta /= 2) {
      value += __shfl_down_sync(0xffffffffU, value, delta);
    }
    sums[threadIdx.x] = value;
  });
  EXPECT_EQ(sums[0], 31 * 32 / 2);
  EXPECT_EQ(sums[32], 31 * 32 / 2 + 32 * 32);
}

TEST_F(Block, VotesAreThoseOfTheMask) {
  std::vector<std::uint32_t> votes(64);
  run_grid({1}, {64}, 0, [&] {
    votes[threadIdx.x] = threadIdx.x % 32 < 8 ? __ballot_sync(0xffU, threadIdx.x % 2 == 0)
                                              : __ballot_sync(0xffffff00U, threadIdx.x < 40);
  });
  EXPECT_EQ(votes[0], 0x55U);
  EXPECT_EQ(votes[31], 0xffffff00U);
  EXPECT_EQ(votes[63], 0U);
}

TEST_F(Block, OthersComeBetweenAReadAndAWrite) {
  std::uint64_t raced = 0;
  std::uint64_t added = 0;
  run_grid({3}, {kThreads}, 0, [&] {
    const cuda::atomic_ref<std::uint64_t, cuda::thread_scope_device> counter(raced);
    counter.store(counter.load(cuda::memory_order_relaxed) + 1, cuda::memory_order_relaxed);
    gpu::add_atomically(&added, std::uint64_t{1});
  });
  EXPECT_EQ(raced, 3U) << "one of a block's increments is left";
  EXPECT_EQ(added, 3 * kThreads);
}

TEST_F(BlockDeathTest, BarrierThatSomeNeverReach) {
  const auto run = [] {
    run_grid({1}, {64}, 0, [] {
      if (threadIdx.x < 32) __syncthreads();
    });
  };
  EXPECT_DEATH(run(), "__syncthreads");
}

TEST_F(BlockDeathTest, ShuffleThatALaneIsMissingFrom) {
  const auto run = [] {
    run_grid({1}, {32}, 0, [] {
      if (threadIdx.x < 31) __shfl_down_sync(0xffffffffU, 1, 1);
    });
  };
  EXPECT_DEATH(run(), "shuffle");
}

TEST_F(BlockDeathTest, BulkCopyThatNobodyStarts) {
  const auto run = [] {
    run_grid({1}, {32}, 64, [] {
      auto* const barrier = static_cast<BulkBarrier*>(dynamic_shared());
      if (threadIdx.x == 0) bulk_init(barrier);
      __syncthreads();
      bulk_wait(barrier, 0);
    });
  };
  EXPECT_DEATH(run(), "bulk copy that nobody starts");
}

TEST_F(BlockDeathTest, BulkCopyOfOddSize) {
  const auto run = [] {
    run_grid({1}, {1}, 64, [] {
      alignas(16) static char from[16];
      auto* const memory = static_cast<char*>(dynamic_shared());
      auto* const barrier = reinterpret_cast<BulkBarrier*>(memory + 32);
      bulk_init(barrier);
      bulk_load(memory, from, 12, barrier);
    });
  };
  EXPECT_DEATH(run(), "multiples of 16");
}

#ifdef CROSSOVER_ADDRESS_SANITIZER

TEST_F(BlockDeathTest, SharedArrayOverrun) {
  const auto run = [] {
    run_grid({1}, {32}, 0, [] {
      struct Small;
      gpu::shared_array<int, 31, Small>()[threadIdx.x] = 1;
    });
  };
  EXPECT_DEATH(run(), "heap-buffer-overflow");
}

#endif

}  // namespace
}  // namespace crossover::emulation
