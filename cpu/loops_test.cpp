#include "cpu/loops.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <random>
#include <vector>

namespace crossover {
namespace {

template <class T>
class Loops : public testing::Test {};
using Types = testing::Types<float, double, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Loops, Types);

template <class T>
std::vector<T> small_integers(std::size_t n) {
  std::mt19937 generator(1);
  std::vector<T> values(n);
  for (T& value : values) value = static_cast<T>(generator() % 1000 + 1);
  return values;
}

TYPED_TEST(Loops, DoubleTouchesItsSpanAndNothingElse) {
  const auto original = small_integers<TypeParam>(40000);
  for (const std::size_t offset : {0, 1, 3, 16}) {
    for (const std::size_t size :
         {0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 500, 9001, 33333}) {
      auto data = original;
      loops::double_in_place(std::span(data).subspan(offset, size));
      for (std::size_t i = 0; i < data.size(); ++i) {
        const bool inside = i >= offset && i < offset + size;
        ASSERT_EQ(data[i], original[i] * (inside ? 2 : 1)) << i << " at " << offset << "+" << size;
      }
    }
  }
}

TYPED_TEST(Loops, SumIsExactOnSmallIntegersAtEverySizeAndOffset) {
  const auto data = small_integers<TypeParam>(7000);
  for (const std::size_t offset : {0, 1, 3, 16}) {
    for (std::size_t size = 0; size < 6000; size += size < 700 ? 1 : 97) {
      const auto part = std::span(data).subspan(offset, size);
      const auto expected = std::accumulate(part.begin(), part.end(), SumOf<TypeParam>{});
      ASSERT_EQ(loops::sum(part), expected) << offset << "+" << size;
    }
  }
}

TYPED_TEST(Loops, AreRightAroundTheSizesWhereTheVectorsChange) {
  for (const std::uint64_t bytes : {loops::kFirstLevelBytes, loops::kCacheBytes}) {
    const std::size_t last = bytes / sizeof(TypeParam);
    const auto original = small_integers<TypeParam>(last + 100);
    for (const std::size_t offset : {0, 3}) {
      for (const std::size_t size : {last, last + 1, last + 77}) {
        auto data = original;
        const auto part = std::span(data).subspan(offset, size);
        const auto sum = std::accumulate(part.begin(), part.end(), SumOf<TypeParam>{});
        EXPECT_EQ(loops::sum(std::span<const TypeParam>(part)), sum) << offset << "+" << size;
        loops::double_in_place(part);
        for (std::size_t i = 0; i < data.size(); ++i) {
          const bool inside = i >= offset && i < offset + size;
          ASSERT_EQ(data[i], original[i] * (inside ? 2 : 1))
              << i << " of " << offset << "+" << size;
        }
      }
    }
  }
}

TYPED_TEST(Loops, IntegersWrap) {
  if constexpr (std::is_integral_v<TypeParam>) {
    std::vector<TypeParam> data(100, std::numeric_limits<TypeParam>::max());
    using Unsigned = std::make_unsigned_t<TypeParam>;
    const auto expected = static_cast<TypeParam>(static_cast<Unsigned>(data[0]) * Unsigned{100});
    EXPECT_EQ(loops::sum(std::span<const TypeParam>(data)), expected);
    loops::double_in_place(std::span(data));
    EXPECT_EQ(data, std::vector<TypeParam>(100, -2));
  }
}

double relative_error(const std::vector<float>& data) {
  long double exact = 0;
  for (const float value : data) exact += value;
  const long double sum = loops::sum(std::span<const float>(data));
  return static_cast<double>(std::fabs(sum - exact) / exact);
}

TEST(LoopsAccuracy, FloatSumsStayWithinTheDerivedBoundOnHostileData) {
  const double bound = 14 * 0x1p-24;
  const std::size_t n = std::size_t{1} << 24;
  // The same value with the same rounding error at every step: errors add up instead of cancelling.
  for (const float value : {1.9999999F, 1.0000001F, 0.1F, 1.3333334F}) {
    EXPECT_LE(relative_error(std::vector<float>(n, value)), bound) << value;
  }
  // One giant first, which swallows what is added to it in floats.
  std::vector<float> giant(n, 1.0F);
  giant[0] = 0x1p30F;
  EXPECT_LE(relative_error(giant), bound);
  // Over the whole range of magnitudes.
  std::mt19937 generator(2);
  std::uniform_real_distribution<float> exponent(-60, 60);
  std::vector<float> wide(n);
  for (float& value : wide) value = std::exp2(exponent(generator));
  EXPECT_LE(relative_error(wide), bound);
}

}  // namespace
}  // namespace crossover
