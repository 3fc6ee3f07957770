#include "common/cold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <random>
#include <vector>

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace crossover {
namespace {

TEST(Cold, KeepsWhatIsInMemory) {
  std::vector<std::uint32_t> data(100003);
  std::iota(data.begin(), data.end(), 1U);
  // From within a line, up to within a line, and nothing at all.
  remove_from_caches(data.data() + 3, (data.size() - 5) * sizeof(std::uint32_t));
  remove_from_caches(data.data(), 0);
  for (std::size_t i = 0; i < data.size(); ++i) ASSERT_EQ(data[i], i + 1);
}

#if defined(__x86_64__)
TEST(Cold, LeavesNothingInACache) {
  // Cycles of single loads: from a cache some tens, from memory hundreds. Medians, because a
  // neighbour may have an access of any length.
  constexpr std::size_t kLines = 999;
  constexpr std::size_t kApart = 32;  // 256 bytes: lines come in pairs
  std::vector<std::uint64_t> data(kLines * kApart, 1);
  // In an order of its own each time: prefetchers learn any other, steps of 157 KB among them.
  std::vector<std::size_t> order(kLines);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::mt19937 generator(1);
  const auto median_load = [&] {
    std::shuffle(order.begin(), order.end(), generator);
    std::vector<std::uint64_t> cycles;
    for (const std::size_t line : order) {
      unsigned unused = 0;
      const volatile std::uint64_t* const at = &data[line * kApart];
      _mm_mfence();
      const std::uint64_t start = __rdtscp(&unused);
      static_cast<void>(*at);
      _mm_lfence();
      cycles.push_back(__rdtscp(&unused) - start);
    }
    std::nth_element(cycles.begin(), cycles.begin() + kLines / 2, cycles.end());
    return cycles[kLines / 2];
  };
  int cold = 0;
  constexpr int kTries = 9;
  for (int i = 0; i < kTries; ++i) {
    median_load();
    const std::uint64_t warm = median_load();
    remove_from_caches(data.data(), data.size() * sizeof(std::uint64_t));
    cold += median_load() > warm + 60 ? 1 : 0;
  }
  // A prefetcher that guesses right now and then does not hide that the lines were gone.
  EXPECT_GT(cold, kTries / 2) << "times of " << kTries;
}
#endif

}  // namespace
}  // namespace crossover
