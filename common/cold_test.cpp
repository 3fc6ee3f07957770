#include "common/cold.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
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
  std::vector<std::uint64_t> data(kLines * 8, 1);
  const auto median_load = [&] {
    std::vector<std::uint64_t> cycles;
    for (std::size_t line = 0; line < kLines; ++line) {
      unsigned unused = 0;
      // Not in order, which a prefetcher would guess.
      const volatile std::uint64_t* const at = &data[line * 613 % kLines * 8];
      _mm_mfence();
      const std::uint64_t start = __rdtscp(&unused);
      static_cast<void>(*at);
      _mm_lfence();
      cycles.push_back(__rdtscp(&unused) - start);
    }
    std::nth_element(cycles.begin(), cycles.begin() + kLines / 2, cycles.end());
    return cycles[kLines / 2];
  };
  median_load();
  const std::uint64_t warm = median_load();
  remove_from_caches(data.data(), data.size() * sizeof(std::uint64_t));
  const std::uint64_t cold = median_load();
  EXPECT_GT(cold, warm + 60) << "from a cache " << warm << " cycles";
}
#endif

}  // namespace
}  // namespace crossover
