#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "common/workloads/testing.hpp"

namespace crossover {
namespace {

// Several, so that verification is shared out above 2^18 elements.
const std::vector<int> kCpus{0, 0, 0};

/// Does `operations` operations in the plainest way and verifies; `spoil` may change the arrays and
/// the sum before it is looked at.
struct Trial {
  const Workload& workload;
  ElementType type;
  std::uint64_t elements;
  std::uint32_t salt = 1;

  template <class Spoil>
  Verdict verify(std::int64_t operations, Spoil&& spoil) const {
    const auto reference = make_reference(workload, type);
    TestArrays data(workload, type, elements, salt);
    Total sum{.integer = 0};
    for (std::int64_t i = 0; i < operations; ++i) {
      if (workload.is_sum) {
        sum = plain_sum(workload, type, data.at, 0, elements);
      } else {
        plain_map(workload, type, data.at, 0, elements);
      }
    }
    spoil(data, sum);
    return workload.is_sum
               ? reference->verify_sum(sum, elements, salt, {14, 96}, kCpus)
               : reference->verify_map(data.at[0], 0, elements, salt, operations, kCpus);
  }
  bool accepts(std::int64_t operations) const {
    return verify(operations, [](TestArrays&, Total&) {}).correct;
  }
};

/// Element `index` of array `array` becomes `value`, and a sum is taken again.
void put(const Trial& trial, TestArrays& data, Total& sum, int array, std::uint64_t index,
         double value) {
  with_array_workload(
      trial.workload, trial.type, [&]<class Work, class T>(const Work&, std::type_identity<T>) {
        auto* x = static_cast<T*>(data.at[static_cast<std::size_t>(array)]);
        x[index] = std::isnan(value) && !std::is_floating_point_v<T> ? std::numeric_limits<T>::max()
                                                                     : static_cast<T>(value);
      });
  if (trial.workload.is_sum)
    sum = plain_sum(trial.workload, trial.type, data.at, 0, trial.elements);
}

TEST(Workloads, AcceptsWhatIsRightAtEverySize) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    for (const std::uint64_t n : {0, 1, 2, 3, 1000, 65535, 65537, 300001}) {
      if (n > 70000 && workload.flops > 64) continue;  // the plainest way is slow
      const Trial trial{workload, type, n};
      EXPECT_TRUE(trial.accepts(1)) << workload.name << ' ' << name(type) << ' ' << n;
    }
  });
}

TEST(Workloads, StayRightForAsManyOperationsAsAnInputLasts) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    const std::int64_t most =
        std::min<std::int64_t>(make_reference(workload, type)->operations_per_input(), 3000);
    const Verdict verdict = Trial{workload, type, 100}.verify(most, [&](TestArrays& data, Total&) {
      with_array_workload(
          workload, type, [&]<class Work, class T>(const Work&, std::type_identity<T>) {
            for (const T value : std::span(static_cast<const T*>(data.at[0]), data.elements)) {
              if constexpr (std::is_floating_point_v<T>) {
                EXPECT_TRUE(std::isnormal(value)) << workload.name << ' ' << name(type);
              } else {
                EXPECT_NE(value, 0) << workload.name << ' ' << name(type);
              }
            }
          });
    });
    EXPECT_TRUE(verdict.correct) << workload.name << ' ' << name(type) << ": " << verdict.note;
  });
}

TEST(Workloads, SeeEveryFault) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    for (const std::uint64_t n : {100, 5000, kSanitized ? 70001 : 1 << 19}) {
      if (n > 5000 && workload.flops > 64) continue;
      const Trial trial{workload, type, n};
      const std::string what =
          workload.name + " " + std::string(name(type)) + " " + std::to_string(n);
      const auto caught = [&](const char* fault, auto&& spoil) {
        const Verdict verdict = trial.verify(1, spoil);
        EXPECT_FALSE(verdict.correct) << what << ": " << fault;
        EXPECT_NE(verdict.note, "") << what << ": " << fault;
      };
      const auto redo = [&](TestArrays& data, Total& sum, std::uint64_t first,
                            std::uint64_t count) {
        sum = plain_sum(workload, type, data.at, first, count);
      };
      // Of a map the output, of a sum an input.
      for (const std::uint64_t at : {std::uint64_t{0}, n / 2, n - 1}) {
        for (const double value : {0.0, std::nan("")}) {
          caught("one wrong element",
                 [&](TestArrays& data, Total& sum) { put(trial, data, sum, 0, at, value); });
        }
      }
      caught("a lost chunk", [&](TestArrays& data, Total& sum) {
        const TestArrays fresh(workload, type, n, 1);
        std::copy_n(fresh.bytes[0].begin() + static_cast<std::ptrdiff_t>(n / 4 * data.size),
                    n / 4 * data.size,
                    data.bytes[0].begin() + static_cast<std::ptrdiff_t>(n / 4 * data.size));
        if (workload.is_sum) redo(data, sum, n / 4, n - n / 4);
      });
      caught("a skipped tail", [&](TestArrays& data, Total& sum) {
        const TestArrays fresh(workload, type, n, 1);
        std::copy_n(fresh.bytes[0].end() - static_cast<std::ptrdiff_t>(data.size), data.size,
                    data.bytes[0].end() - static_cast<std::ptrdiff_t>(data.size));
        if (workload.is_sum) redo(data, sum, 0, n - 1);
      });
      caught("a stale result", [&](TestArrays& data, Total& sum) {
        TestArrays before(workload, type, n, 2);
        if (workload.is_sum) {
          sum = plain_sum(workload, type, before.at, 0, n);
        } else {
          plain_map(workload, type, before.at, 0, n);
          std::swap(data.bytes, before.bytes);
          std::swap(data.at, before.at);
        }
      });
      if (workload.is_sum) {
        for (const double wrong : {std::nan(""), std::numeric_limits<double>::infinity(), 0.0}) {
          caught("not a sum", [&](TestArrays&, Total& sum) { sum.real = wrong; });
        }
      }
    }
  });
}

TEST(Workloads, NoticeOneOperationTooFewOrTooMany) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    if (workload.pattern != "map in place") return;
    const auto reference = make_reference(workload, type);
    const std::int64_t most = reference->operations_per_input();
    for (const std::int64_t operations : {std::int64_t{1}, std::int64_t{3}, most - 1}) {
      const TestArrays data(workload, type, 500, 1);
      for (std::int64_t i = 0; i < operations; ++i) {
        plain_map(workload, type, data.at, 0, data.elements);
      }
      const auto accepts = [&](std::int64_t claimed) {
        return reference->verify_map(data.at[0], 0, data.elements, 1, claimed, kCpus).correct;
      };
      EXPECT_TRUE(accepts(operations)) << workload.name << ' ' << name(type);
      EXPECT_FALSE(accepts(operations - 1)) << workload.name << ' ' << name(type);
      EXPECT_FALSE(accepts(operations + 1)) << workload.name << ' ' << name(type);
    }
  });
}

TEST(Workloads, NoticeSwappedInputs) {
  // A product does not mind; everything else has to.
  each_workload_and_type([](const Workload& workload, ElementType type) {
    if (workload.pattern != "map" || workload.arrays < 3) return;
    TestArrays data(workload, type, 500, 1);
    plain_map(workload, type, {data.at[0], data.at[2], data.at[1]}, 0, data.elements);
    EXPECT_FALSE(make_reference(workload, type)
                     ->verify_map(data.at[0], 0, data.elements, 1, 1, kCpus)
                     .correct)
        << workload.name;
  });
}

TEST(Workloads, AreTheSameInputHoweverItIsCut) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    // Across the end of what depends on the salt, and across 2^32.
    for (const std::uint64_t begin : {kSalted - 1500, (std::uint64_t{1} << 32) - 1500}) {
      const TestArrays whole(workload, type, 3000, 3, begin);
      const auto reference = make_reference(workload, type);
      for (int array = 0; array < workload.arrays; ++array) {
        std::vector<std::byte> parts(3000 * whole.size);
        for (std::uint64_t first = 0; first < 3000; first += 777) {
          reference->fill(array, parts.data() + first * whole.size, begin + first,
                          std::min<std::uint64_t>(777, 3000 - first), 3);
        }
        EXPECT_EQ(parts, whole.bytes[static_cast<std::size_t>(array)]) << workload.name;
      }
    }
  });
}

TEST(Workloads, DifferFromSaltToSaltAndArrayToArray) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    const TestArrays one(workload, type, kSalted + 100, 1);
    const TestArrays other(workload, type, kSalted + 100, 2);
    const std::size_t last = one.bytes.size() - 1;
    const auto salted = static_cast<std::ptrdiff_t>(kSalted * one.size);
    EXPECT_FALSE(std::equal(one.bytes[last].begin(), one.bytes[last].begin() + 64,
                            other.bytes[last].begin()));
    // Only a sum's head depends on the salt.
    EXPECT_EQ(std::equal(one.bytes[last].begin() + salted, one.bytes[last].end(),
                         other.bytes[last].begin() + salted),
              workload.is_sum)
        << workload.name;
    if (last > 0) {
      EXPECT_NE(one.bytes[last], one.bytes[last - 1]) << workload.name;
    }
    // No constant input.
    std::set<std::vector<std::byte>> values;
    for (std::size_t i = 0; i < 1000; ++i) {
      const auto at = one.bytes[last].begin() + static_cast<std::ptrdiff_t>(i * one.size);
      values.emplace(at, at + static_cast<std::ptrdiff_t>(one.size));
    }
    EXPECT_GT(values.size(), 990U) << workload.name;
  });
}

TEST(Workloads, VerifyAPartOfAnArray) {
  constexpr std::uint64_t kOffset = (std::uint64_t{1} << 32) - 1000;
  each_workload_and_type([](const Workload& workload, ElementType type) {
    if (workload.is_sum) return;
    const TestArrays part(workload, type, 5000, 1, kOffset);
    plain_map(workload, type, part.at, 0, 5000);
    const auto reference = make_reference(workload, type);
    EXPECT_TRUE(reference->verify_map(part.at[0], kOffset, 5000, 1, 1, kCpus).correct);
    EXPECT_FALSE(reference->verify_map(part.at[0], kOffset + 16, 5000, 1, 1, kCpus).correct);
    std::memset(static_cast<char*>(part.at[0]) + 1000 * part.size, 0, part.size);
    const Verdict verdict = reference->verify_map(part.at[0], kOffset, 5000, 1, 1, kCpus);
    EXPECT_FALSE(verdict.correct);
    EXPECT_THAT(verdict.note, testing::HasSubstr("1 of 5000"));
    EXPECT_THAT(verdict.note, testing::HasSubstr("number " + std::to_string(kOffset + 1000)));
  });
}

TEST(Workloads, HaveBabelStreamsByteCounts) {
  const std::uint64_t n = 1000;
  const auto bytes = [](const char* workload) {
    return find_workload(workload)->bytes(ElementType::f64, n);
  };
  EXPECT_EQ(bytes("double"), 2 * 8 * n);
  EXPECT_EQ(bytes("copy"), 2 * 8 * n);
  EXPECT_EQ(bytes("triad"), 3 * 8 * n);
  EXPECT_EQ(bytes("dot"), 2 * 8 * n);
  EXPECT_EQ(bytes("reduce"), 8 * n);
  EXPECT_EQ(bytes("fma64"), 2 * 8 * n);
  EXPECT_EQ(find_workload("fma64")->flops, 128);
}

TEST(Workloads, AreNoneOnArraysThatAreNotTheirs) {
  EXPECT_THROW(make_reference(*find_workload("fma8"), ElementType::i32), std::invalid_argument);
  EXPECT_THROW(make_reference(costs::count(), ElementType::i64), std::invalid_argument);
}

constexpr double kRatio = 2 / 1.5;  // elements are from [1, 2)

TEST(SumErrorBound, NoticesOneLostElementOfABillion) {
  // An element is at least 1 and the sum 1.5 n: losing one is a relative error of 1 / (1.5 n).
  const std::uint64_t n = 1'000'000'000;
  EXPECT_LT(sum_error_bound(ElementType::f32, n, {14, 96}, kRatio), 1 / (1.5 * n));
  EXPECT_LT(sum_error_bound(ElementType::f64, n, {}, kRatio), 1 / (1.5 * n));
}

TEST(SumErrorBound, KeepsTheContractAndIsZeroWhereNothingRounds) {
  for (const std::uint64_t n : {2ULL, 100ULL, 1ULL << 20, 1ULL << 30, 1ULL << 36}) {
    EXPECT_LT(sum_error_bound(ElementType::f32, n, {14, 96}, kRatio), 1e-6) << n;
    EXPECT_GT(sum_error_bound(ElementType::f32, n, {14, 96}, kRatio), 0) << n;
  }
  EXPECT_EQ(sum_error_bound(ElementType::f32, 1, {14, 96}, kRatio), 0);
  EXPECT_EQ(sum_error_bound(ElementType::i64, 1 << 20, {14, 96}, kRatio), 0);
}

TEST(SumErrorBound, RefusesANaiveFloatSumThatClaimsToBeAccurate) {
  // Ten million floats in one float accumulator: the textbook mistake.
  const std::uint64_t n = 10'000'000;
  const Workload& reduce = *find_workload("reduce");
  const TestArrays data(reduce, ElementType::f32, n, 1);
  float naive = 0;
  for (const float value : std::span(static_cast<const float*>(data.at[0]), n)) naive += value;
  const auto reference = make_reference(reduce, ElementType::f32);
  EXPECT_FALSE(reference->verify_sum({.real = naive}, n, 1, {14, 96}, kCpus).correct);
}

}  // namespace
}  // namespace crossover
