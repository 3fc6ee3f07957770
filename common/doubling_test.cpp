#include "common/doubling.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace crossover {
namespace {

const std::vector<int> kCpus{0};

template <class T>
class Doubling : public testing::Test {
 protected:
  static std::vector<T> input(std::size_t elements, std::uint32_t salt) {
    std::vector<T> data(elements);
    doubling::fill<T>(data, 0, salt);
    return data;
  }
  static void twice(std::vector<T>& data) {
    for (T& value : data) {
      if constexpr (std::is_floating_point_v<T>) {
        value *= 2;
      } else {
        value = static_cast<T>(static_cast<std::make_unsigned_t<T>>(value) * 2U);
      }
    }
  }
};

using Types = testing::Types<float, double, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Doubling, Types);

TYPED_TEST(Doubling, StaysNormalAndNonZeroForAsLongAsItSays) {
  auto data = this->input(1000, 1);
  for (std::int64_t i = 0; i < doubling::operations_per_input<TypeParam>(); ++i) {
    this->twice(data);
    for (const TypeParam value : data) {
      if constexpr (std::is_floating_point_v<TypeParam>) {
        ASSERT_TRUE(std::isnormal(value)) << "after " << i + 1;
      } else {
        ASSERT_NE(value, 0) << "after " << i + 1;
      }
    }
    ASSERT_TRUE(doubling::verify<TypeParam>(data, 1, i + 1, kCpus).correct) << "after " << i + 1;
  }
}

TYPED_TEST(Doubling, IsTheSameInputHoweverItIsCut) {
  const auto whole = this->input(100000, 3);
  std::vector<TypeParam> parts(whole.size());
  for (std::size_t first = 0; first < parts.size(); first += 777) {
    const std::size_t size = std::min<std::size_t>(777, parts.size() - first);
    doubling::fill<TypeParam>(std::span(parts).subspan(first, size), first, 3);
  }
  EXPECT_EQ(parts, whole);
}

TYPED_TEST(Doubling, DiffersBetweenSaltsAndBeyondFourBillion) {
  EXPECT_NE(this->input(100, 1), this->input(100, 2));
  std::vector<TypeParam> low(100);
  std::vector<TypeParam> high(100);
  doubling::fill<TypeParam>(low, 0, 1);
  doubling::fill<TypeParam>(high, std::uint64_t{1} << 32, 1);
  EXPECT_NE(low, high);
}

TYPED_TEST(Doubling, SeesEveryFault) {
  // On both sides of the size from which several threads verify.
  for (const std::size_t elements : {std::size_t{5000}, std::size_t{1} << 20}) {
    const std::vector<int> cpus{0, 0, 0};
    auto data = this->input(elements, 1);
    this->twice(data);
    ASSERT_TRUE(doubling::verify<TypeParam>(data, 1, 1, cpus).correct);
    EXPECT_FALSE(doubling::verify<TypeParam>(data, 1, 2, cpus).correct) << "one operation missing";
    EXPECT_FALSE(doubling::verify<TypeParam>(data, 1, 0, cpus).correct) << "one too many";
    EXPECT_FALSE(doubling::verify<TypeParam>(data, 2, 1, cpus).correct) << "a stale input";
    for (const std::size_t at : {std::size_t{0}, elements / 2, elements - 1}) {
      auto broken = data;
      broken[at] = 0;
      const Verdict verdict = doubling::verify<TypeParam>(broken, 1, 1, cpus);
      EXPECT_FALSE(verdict.correct);
      EXPECT_EQ(verdict.error, 1);
      EXPECT_THAT(verdict.note, testing::HasSubstr("1 of " + std::to_string(elements)));
      EXPECT_THAT(verdict.note, testing::HasSubstr("x[" + std::to_string(at) + "]"));
      broken[at] = std::numeric_limits<TypeParam>::has_quiet_NaN
                       ? std::numeric_limits<TypeParam>::quiet_NaN()
                       : std::numeric_limits<TypeParam>::max();
      EXPECT_FALSE(doubling::verify<TypeParam>(broken, 1, 1, cpus).correct);
    }
  }
}

TYPED_TEST(Doubling, SeesEveryFaultInAPartOfTheArray) {
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << 32) - 1000;
  std::vector<TypeParam> part(5000);
  doubling::fill<TypeParam>(part, kOffset, 1);
  this->twice(part);
  EXPECT_TRUE(doubling::verify<TypeParam>(part, 1, 1, kCpus, kOffset).correct);
  EXPECT_FALSE(doubling::verify<TypeParam>(part, 1, 1, kCpus, kOffset + 16).correct);
  for (const std::size_t at : {std::size_t{0}, std::size_t{1000}, part.size() - 1}) {
    auto broken = part;
    broken[at] = 0;
    const Verdict verdict = doubling::verify<TypeParam>(broken, 1, 1, kCpus, kOffset);
    EXPECT_FALSE(verdict.correct);
    EXPECT_EQ(verdict.error, 1);
    EXPECT_THAT(verdict.note, testing::HasSubstr("x[" + std::to_string(kOffset + at) + "]"));
  }
}

TYPED_TEST(Doubling, OfNothingIsCorrect) {
  EXPECT_TRUE(doubling::verify<TypeParam>({}, 1, 5, kCpus).correct);
}

}  // namespace
}  // namespace crossover
