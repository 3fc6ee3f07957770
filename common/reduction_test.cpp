#include "common/reduction.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <set>
#include <vector>

namespace crossover {
namespace {

using reduction::Rounding;

const std::vector<int> kTwoCpus{0, 0};

template <class T>
class Reduction : public testing::Test {
 protected:
  static std::vector<T> input(std::size_t elements, std::uint32_t salt) {
    std::vector<T> data(elements);
    reduction::fill<T>(data, 0, salt);
    return data;
  }
  /// By another way than the reference's: in 80-bit floating point, or wrapping.
  static SumOf<T> sum(const std::vector<T>& data) {
    if constexpr (std::is_floating_point_v<T>) {
      long double total = 0;
      for (const T value : data) total += value;
      return static_cast<double>(total);
    } else {
      std::make_unsigned_t<T> total = 0;
      for (const T value : data) total += static_cast<std::make_unsigned_t<T>>(value);
      return static_cast<T>(total);
    }
  }
  static bool accepts(SumOf<T> sum, std::size_t elements, std::uint32_t salt, Rounding rounding) {
    return reduction::verify<T>(sum, elements, salt, rounding, kTwoCpus).correct;
  }
};

using Types = testing::Types<float, double, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Reduction, Types);

TYPED_TEST(Reduction, AcceptsTheSumAtEverySize) {
  for (const std::size_t n : {0, 1, 2, 3, 1000, 65535, 65536, 65537, 1000003}) {
    const auto data = this->input(n, 7);
    EXPECT_TRUE(this->accepts(this->sum(data), n, 7, {})) << n;
  }
}

TYPED_TEST(Reduction, SeesOneMissingOrDoubledElementAndAStaleSum) {
  for (const std::size_t n : {1, 2, 1000, 1000003}) {
    auto data = this->input(n, 7);
    const auto right = this->sum(data);
    const auto stale = this->sum(this->input(n, 6));
    EXPECT_FALSE(this->accepts(stale, n, 7, {14, 96})) << n;
    for (const std::size_t at : {std::size_t{0}, n / 2, n - 1}) {
      const TypeParam kept = data[at];
      data[at] = 0;
      EXPECT_FALSE(this->accepts(this->sum(data), n, 7, {14, 96})) << "lost " << at << " of " << n;
      data[at] = kept;
      data.push_back(kept);
      EXPECT_FALSE(this->accepts(this->sum(data), n, 7, {14, 96})) << "twice " << at << " of " << n;
      data.pop_back();
    }
    EXPECT_TRUE(this->accepts(right, n, 7, {14, 96}));
  }
}

TYPED_TEST(Reduction, IsTheSameInputHoweverItIsCutAndDiffersInItsHeadOnly) {
  const auto whole = this->input(200000, 3);
  std::vector<TypeParam> parts(whole.size());
  for (std::size_t first = 0; first < parts.size(); first += 777) {
    const std::size_t size = std::min<std::size_t>(777, parts.size() - first);
    reduction::fill<TypeParam>(std::span(parts).subspan(first, size), first, 3);
  }
  EXPECT_EQ(parts, whole);
  const auto other = this->input(200000, 4);
  EXPECT_FALSE(std::equal(whole.begin(), whole.begin() + 100, other.begin()));
  EXPECT_TRUE(std::equal(whole.begin() + reduction::kSalted, whole.end(),
                         other.begin() + reduction::kSalted));
}

TYPED_TEST(Reduction, HasNoConstantInput) {
  const auto data = this->input(1000, 1);
  EXPECT_GT(std::set<TypeParam>(data.begin(), data.end()).size(), 990U);
  if constexpr (std::is_floating_point_v<TypeParam>) {
    for (const TypeParam value : data) EXPECT_TRUE(value >= 1 && value < 2) << value;
  }
}

TEST(ReductionFloat, RefusesNaNAndInfinity) {
  for (const double sum : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    for (const std::uint64_t n : {0, 1, 1000}) {
      EXPECT_FALSE(reduction::verify<float>(sum, n, 1, {14, 96}, kTwoCpus).correct) << n;
      EXPECT_FALSE(reduction::verify<double>(sum, n, 1, {}, kTwoCpus).correct) << n;
    }
  }
}

TEST(ReductionBound, NoticesOneLostElementOfABillion) {
  // An element is at least 1 and the sum 1.5 n: losing one is a relative error of 1 / (1.5 n).
  const std::uint64_t n = 1'000'000'000;
  EXPECT_LT(reduction::error_bound(ElementType::f32, n, {14, 96}), 1 / (1.5 * n));
  EXPECT_LT(reduction::error_bound(ElementType::f64, n, {}), 1 / (1.5 * n));
}

TEST(ReductionBound, KeepsTheContractAndIsZeroWhereNothingRounds) {
  for (const std::uint64_t n : {2ULL, 100ULL, 1ULL << 20, 1ULL << 30, 1ULL << 36}) {
    EXPECT_LT(reduction::error_bound(ElementType::f32, n, {14, 96}), 1e-6) << n;
    EXPECT_GT(reduction::error_bound(ElementType::f32, n, {14, 96}), 0) << n;
  }
  EXPECT_EQ(reduction::error_bound(ElementType::f32, 1, {14, 96}), 0);
  EXPECT_EQ(reduction::error_bound(ElementType::i64, 1 << 20, {14, 96}), 0);
}

TEST(ReductionBound, RefusesANaiveFloatSumThatClaimsToBeAccurate) {
  // Ten million floats in one float accumulator: the textbook mistake.
  const std::size_t n = 10'000'000;
  std::vector<float> data(n);
  reduction::fill<float>(data, 0, 1);
  float naive = 0;
  for (const float value : data) naive += value;
  EXPECT_FALSE(reduction::verify<float>(naive, n, 1, {14, 96}, kTwoCpus).correct);
}

}  // namespace
}  // namespace crossover
