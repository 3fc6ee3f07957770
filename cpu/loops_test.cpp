#include "cpu/loops.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "common/forms.hpp"
#include "common/workloads/testing.hpp"
#include "cpu/vector_loops.hpp"

namespace crossover::cpu {
namespace {

std::string label(const Workload& workload, ElementType type, const std::string& form,
                  std::uint64_t offset, std::uint64_t count) {
  return workload.name + " " + std::string(name(type)) + " " + form + " " + std::to_string(offset) +
         "+" + std::to_string(count);
}

std::vector<void*> from(const TestArrays& data, std::uint64_t offset) {
  std::vector<void*> at;
  for (void* array : data.at) at.push_back(static_cast<char*>(array) + offset * data.size);
  return at;
}

/// The loops on elements [offset, offset + count) of `elements`: right there, nothing elsewhere.
void expect_right(const Workload& workload, ElementType type, const std::string& form,
                  std::uint64_t elements, std::uint64_t offset, std::uint64_t count) {
  const Loops loops(workload, type, form);
  const TestArrays data(workload, type, elements, 1);
  const auto parts = from(data, offset);
  if (workload.is_sum) {
    const Total sum = loops.sum(parts.data(), count);
    const Total right = plain_sum(workload, type, data.at, offset, count);
    if (type == ElementType::f32 || type == ElementType::f64) {
      const double bound = sum_error_bound(type, count, loops.rounding, 16 / 9.0) + 1.1 * 0x1p-24;
      ASSERT_LE(std::fabs(sum.real - right.real), bound * right.real)
          << label(workload, type, form, offset, count);
    } else {
      const std::uint64_t kept = size_of(type) == 4 ? 0xffffffffU : ~std::uint64_t{0};
      ASSERT_EQ(sum.integer & kept, right.integer & kept)
          << label(workload, type, form, offset, count);
    }
    return;
  }
  loops.map(parts.data(), count);
  const auto reference = make_reference(workload, type);
  const Verdict verdict = reference->verify_map(parts[0], offset, count, 1, 1, std::vector<int>{0});
  ASSERT_TRUE(verdict.correct) << label(workload, type, form, offset, count) << ": "
                               << verdict.note;
  const TestArrays untouched(workload, type, elements, 1);
  const auto same = [&](std::size_t array, std::uint64_t first, std::uint64_t size) {
    return std::memcmp(data.bytes[array].data() + first * data.size,
                       untouched.bytes[array].data() + first * data.size, size * data.size) == 0;
  };
  ASSERT_TRUE(same(0, 0, offset)) << label(workload, type, form, offset, count) << ": wrote before";
  ASSERT_TRUE(same(0, offset + count, elements - offset - count))
      << label(workload, type, form, offset, count) << ": wrote behind";
  for (std::size_t array = 1; array < data.bytes.size(); ++array) {
    ASSERT_TRUE(same(array, 0, elements))
        << label(workload, type, form, offset, count) << ": an input";
  }
}

TEST(Loops, TouchTheirPartAndNothingElseInEveryFormAtEverySizeAndOffset) {
  each_workload_and_type([](const Workload& workload, ElementType type) {
    for (const std::string& form : loop_forms(workload, type)) {
      for (const std::uint64_t offset : {0, 1, 3, 16}) {
        for (const std::uint64_t count :
             {0, 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 383, 385, 500, 1151, 9001}) {
          expect_right(workload, type, form, count + 40, offset, count);
          if (testing::Test::HasFatalFailure()) return;
        }
      }
    }
  });
}

TEST(Loops, HaveFormsByPattern) {
  const auto forms = [](const char* workload) {
    return loop_forms(*find_workload(workload), ElementType::f32);
  };
  const std::string widest = "v" + std::to_string(detail::kWidest);
  EXPECT_THAT(forms("reduce"), testing::IsSupersetOf({widest, widest + "-x4"}));
  EXPECT_THAT(forms("double"), testing::IsSupersetOf({widest, widest + "-ahead2048"}));
  EXPECT_THAT(forms("triad"), testing::Contains(widest + "-ahead2048"));
  EXPECT_EQ(testing::Matches(testing::Contains("v16-around"))(forms("copy")),
            detail::kCanStoreAround);
  EXPECT_THAT(forms("fma8"), testing::ElementsAre(widest)) << "chains side by side";
  for (const char* workload : {"reduce", "double", "copy"}) {
    EXPECT_EQ(forms(workload).front(), widest) << "the first guess";
  }
}

TEST(Loops, RefuseAFormThatTheyDoNotHave) {
  EXPECT_THROW(Loops(*find_workload("reduce"), ElementType::f32, "v64-around"),
               std::invalid_argument);
}

TEST(Loops, TakeTheFormThatWasChosenForWhereTheirPartLies) {
  const Workload& workload = *find_workload("reduce");
  ChosenForms forms;
  forms.add({&workload, ElementType::f32, false, 4096, "v16"});
  forms.add({&workload, ElementType::f32, false, ~std::uint64_t{0}, "v16-x4"});
  const auto function = [&](const char* form) {
    return Loops(workload, ElementType::f32, form).sum_part;
  };
  Configuration what;
  what.workload = &workload;
  what.elements = 1024;
  EXPECT_EQ(Loops::chosen(what, &forms).sum_part, function("v16"));
  EXPECT_EQ(Loops::chosen(what, nullptr).sum_part, function(""));
  what.elements = 1025;
  EXPECT_EQ(Loops::chosen(what, &forms).sum_part, function("v16-x4"));
  EXPECT_EQ(Loops::chosen(what, &forms, 64).sum_part, function("v16")) << "by chunks";
  what.workers = 2;
  EXPECT_EQ(Loops::chosen(what, &forms).sum_part, function("")) << "nothing chosen for several";
  what.workers = 1;
  what.elements = 4;
  what.cache = Cache::cold;
  EXPECT_EQ(Loops::chosen(what, &forms).sum_part, function("v16-x4")) << "cold lies in memory";
}

TEST(Loops, AddIntegersThatWrap) {
  std::vector<std::int64_t> data(100, std::numeric_limits<std::int64_t>::max());
  const Loops loops(*find_workload("reduce"), ElementType::i64);
  void* const at = data.data();
  Total total = loops.zero();
  loops.add(total, loops.sum(&at, data.size()));
  loops.add(total, loops.sum(&at, data.size()));
  EXPECT_EQ(total.integer, 0x7fffffffffffffffU * 200U);
}

/// The largest of all forms.
double relative_error(std::vector<float> data) {
  long double exact = 0;
  for (const float value : data) exact += value;
  void* const at = data.data();
  const Workload& reduce = *find_workload("reduce");
  double largest = 0;
  for (const std::string& form : loop_forms(reduce, ElementType::f32)) {
    const double sum = Loops(reduce, ElementType::f32, form).sum(&at, data.size()).real;
    largest = std::max(largest, static_cast<double>(std::fabs(sum - exact) / exact));
  }
  return largest;
}

TEST(LoopsAccuracy, FloatSumsStayWithinTheDerivedBoundOnHostileData) {
  const double bound = 14 * 0x1p-24;
  const std::size_t n = std::size_t{1} << 22;
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
}  // namespace crossover::cpu
