#include "gpu/ladder.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "common/doubling.hpp"
#include "common/element.hpp"
#include "common/reduction.hpp"
#include "gpu/graph.hpp"
#include "gpu/test_device.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {
namespace {

// Around a warp, a block, one pass of a grid (on the emulated device: 8 blocks of 256 threads with
// 4 packs of 4 words), a tile of bulk copies, and what one block sums alone.
const std::vector<std::uint64_t> kSizes{0,    1,    2,    3,     7,     31,    32,    33,    63,
                                        255,  256,  257,  1023,  1024,  1025,  4095,  4096,  4097,
                                        8191, 8193, 9001, 16384, 32767, 32768, 32769, 40003, 66001};

std::vector<std::uint64_t> sizes() {
  std::vector<std::uint64_t> all = kSizes;
  // On hardware, enough for several passes of the largest grid, the carry into the second salted
  // part, and odd ends.
  if (!kEmulated) all.insert(all.end(), {1'000'003, (1 << 24) - 1, (1 << 24) + 5, 50'000'017});
  return all;
}

template <class T>
class Ladder : public DeviceTest {};
using Types = testing::Types<float, double, std::int32_t, std::int64_t>;
TYPED_TEST_SUITE(Ladder, Types);

std::vector<std::string> double_steps(const Device& device) {
  std::vector<std::string> steps{"naive", "grid-stride", "vector", "unrolled"};
  if (has_bulk(device)) steps.push_back("bulk");
  return steps;
}
const std::vector<std::string> kSumSteps{"atomic", "shared", "shuffle", "vector", "single-pass"};

/// Doubles `n` elements that start `offset` elements behind a multiple of 256 bytes, twice, and
/// checks them and what lies around them.
template <class T, class Make>
void expect_doubled(const Device& device, std::uint64_t n, std::uint64_t offset, Make&& make) {
  constexpr std::uint64_t kGuard = 64;
  const Stream stream(device);
  const DeviceArray<T> memory(device, kGuard + offset + n + kGuard);
  device.check(cudaMemsetAsync(memory.data(), 0x5a, memory.size() * sizeof(T), stream.get()),
               "guarding");
  T* const x = memory.data() + kGuard + offset;
  fill_double<T>(stream, x, 0, n, 3);
  const std::unique_ptr<Work> work = make(stream, x);
  work->enqueue(stream, 2);
  std::vector<T> copy(memory.size());
  device.check(cudaMemcpyAsync(copy.data(), memory.data(), memory.size() * sizeof(T),
                               cudaMemcpyDeviceToHost, stream.get()),
               "copying");
  stream.synchronize();
  const Verdict verdict =
      doubling::verify<T>(std::span<const T>(copy).subspan(kGuard + offset, n), 3, 2, test_cpus());
  EXPECT_TRUE(verdict.correct) << verdict.note;
  T guard;
  std::memset(&guard, 0x5a, sizeof guard);
  for (std::uint64_t i = 0; i < copy.size(); ++i) {
    if (i >= kGuard + offset && i < kGuard + offset + n) continue;
    ASSERT_EQ(std::memcmp(&copy[i], &guard, sizeof guard), 0)
        << "element " << i << " outside of the array was written";
  }
  EXPECT_EQ(work->misplaced(), "");
}

TYPED_TEST(Ladder, DoublesEverySizeAndAlignment) {
  using T = TypeParam;
  const Device device(0);
  for (const std::string& step : double_steps(device)) {
    for (const std::uint64_t n : sizes()) {
      for (std::uint64_t offset = 0; offset < 16 / sizeof(T); ++offset) {
        // Every alignment once, at the sizes where it can matter.
        if (offset > 0 && n > 1025) continue;
        SCOPED_TRACE(step + ", n " + std::to_string(n) + ", offset " + std::to_string(offset));
        expect_doubled<T>(device, n, offset,
                          [&](const Stream&, T* x) { return make_double<T>(device, step, x, n); });
        if (this->HasFatalFailure()) return;
      }
    }
  }
}

TYPED_TEST(Ladder, DoublesUnderEverySchedule) {
  using T = TypeParam;
  const Device device(0);
  under_each_schedule([&] {
    for (const std::string& step : double_steps(device)) {
      for (const std::uint64_t n : {257, 9001, 40003}) {
        SCOPED_TRACE(step + ", n " + std::to_string(n));
        expect_doubled<T>(device, n, 1,
                          [&](const Stream&, T* x) { return make_double<T>(device, step, x, n); });
      }
    }
  });
}

TYPED_TEST(Ladder, DoublesOnSomeMultiprocessors) {
  using T = TypeParam;
  const Device device(0);
  for (const char* step : {"unrolled", "bulk"}) {
    if (step == std::string("bulk") && !has_bulk(device)) continue;
    for (int count = 1; count < device.properties().multiprocessors; count *= 2) {
      for (const std::uint64_t n : {0, 1, 1025, 66001}) {
        SCOPED_TRACE(std::string(step) + " on " + std::to_string(count));
        expect_doubled<T>(device, n, 1, [&](const Stream&, T* x) {
          return make_double<T>(device, step, x, n, {count});
        });
      }
    }
  }
}

/// The sum of `n` elements at `offset`, verified.
template <class T, class Make>
SumOf<T> checked_sum(const Device& device, std::uint64_t n, std::uint64_t offset, Make&& make) {
  const Stream stream(device);
  const DeviceArray<T> memory(device, offset + n + 8);
  // What is outside of the array must not be added: NaN, or all bits.
  device.check(cudaMemsetAsync(memory.data(), 0xff, memory.size() * sizeof(T), stream.get()),
               "poisoning");
  T* const x = memory.data() + offset;
  const std::unique_ptr<SumWork<T>> work = make(stream, x);
  // Another input each time: a partial sum of the one before must not count.
  for (const std::uint32_t salt : {4U, 5U}) {
    fill_sum<T>(stream, x, 0, n, salt);
    work->poison();
    work->enqueue(stream, 1);
    stream.synchronize();
    const Verdict verdict =
        reduction::verify<T>(work->sum(), n, salt, work->rounding(), test_cpus());
    EXPECT_TRUE(verdict.correct) << verdict.note;
    EXPECT_LE(verdict.error, 1e-6);
  }
  EXPECT_EQ(work->misplaced(), "");
  return work->sum();
}

TYPED_TEST(Ladder, SumsEverySizeAndAlignment) {
  using T = TypeParam;
  const Device device(0);
  for (const std::string& step : kSumSteps) {
    for (const std::uint64_t n : sizes()) {
      for (std::uint64_t offset = 0; offset < 16 / sizeof(T); ++offset) {
        if (offset > 0 && n > 1025) continue;
        // Eight passes of the emulated grid: beyond that the first steps do nothing new.
        const bool by_elements = step == "atomic" || step == "shared" || step == "shuffle";
        if (kEmulated && by_elements && n > 16384) continue;
        SCOPED_TRACE(step + ", n " + std::to_string(n) + ", offset " + std::to_string(offset));
        checked_sum<T>(device, n, offset,
                       [&](const Stream&, T* x) { return make_sum<T>(device, step, x, n); });
      }
    }
  }
}

TYPED_TEST(Ladder, SumsHaveTheSameBitsEveryTime) {
  using T = TypeParam;
  const Device device(0);
  for (const std::string& step : kSumSteps) {
    for (const std::uint64_t n : {255, 4097, kEmulated ? 10007 : 40'000'003}) {
      std::vector<SumOf<T>> sums;
      under_each_schedule([&] {
        SCOPED_TRACE(step + ", n " + std::to_string(n));
        for (int repeat = 0; repeat < 2; ++repeat) {
          sums.push_back(checked_sum<T>(
              device, n, 0, [&](const Stream&, T* x) { return make_sum<T>(device, step, x, n); }));
        }
      });
      if (step == "atomic" && std::is_floating_point_v<T>) continue;
      for (const SumOf<T> sum : sums) EXPECT_EQ(sum, sums.front()) << step;
    }
  }
}

TYPED_TEST(Ladder, SumsOnSomeMultiprocessors) {
  using T = TypeParam;
  const Device device(0);
  for (int count = 1; count < device.properties().multiprocessors; count *= 2) {
    for (const std::uint64_t n : {0, 1, 1025, 66001}) {
      checked_sum<T>(device, n, 0, [&](const Stream&, T* x) {
        return make_sum<T>(device, "single-pass", x, n, {count});
      });
    }
  }
}

TYPED_TEST(Ladder, GraphsDoTheSame) {
  using T = TypeParam;
  const Device device(0);
  expect_doubled<T>(device, 1025, 0, [&](const Stream& stream, T* x) {
    return make_graph(stream, make_double<T>(device, "unrolled", x, 1025));
  });
  for (const std::string& step : kSumSteps) {
    checked_sum<T>(device, 4097, 0, [&](const Stream& stream, T* x) {
      return make_graph<T>(stream, make_sum<T>(device, step, x, 4097));
    });
  }
}

TYPED_TEST(Ladder, GraphsCountTheirOperations) {
  using T = TypeParam;
  const Device device(0);
  const Stream stream(device);
  const DeviceArray<T> x(device, 100);
  const std::unique_ptr<Work> work =
      make_graph(stream, make_double<T>(device, "unrolled", x.data(), 100));
  // Below, at and above what a graph of several operations has, as far as one input lasts.
  for (const int operations : {3, kGraphOperations, kGraphOperations + 5}) {
    if (operations > doubling::operations_per_input<T>()) continue;
    fill_double<T>(stream, x.data(), 0, 100, 1);
    work->enqueue(stream, operations);
    std::vector<T> copy(100);
    device.check(cudaMemcpyAsync(copy.data(), x.data(), 100 * sizeof(T), cudaMemcpyDeviceToHost,
                                 stream.get()),
                 "copying");
    stream.synchronize();
    const Verdict verdict =
        doubling::verify<T>(std::span<const T>(copy), 1, operations, test_cpus());
    EXPECT_TRUE(verdict.correct) << verdict.note;
  }
}

TYPED_TEST(Ladder, SumsInPartsDoNotDependOnTheParts) {
  using T = TypeParam;
  const Device device(0);
  const std::uint64_t segment = (std::uint64_t{256} << 10) / sizeof(T);
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{33}, segment - 1,
                                segment, segment + 1, segment + 3, 2 * segment + 5}) {
    std::vector<SumOf<T>> sums;
    for (const std::uint64_t part : {segment, 2 * segment, 4 * segment}) {
      SCOPED_TRACE("n " + std::to_string(n) + ", part " + std::to_string(part));
      const Stream stream(device);
      const DeviceArray<T> x(device, n + 8);
      const std::unique_ptr<SegmentedSum<T>> work = make_segmented_sum<T>(device, x.data(), n);
      ASSERT_EQ(part % work->granularity(), 0U);
      work->poison();
      device.check(cudaMemsetAsync(x.data(), 0xff, x.size() * sizeof(T), stream.get()), "poison");
      std::uint64_t first = 0;
      do {
        // A part's data arrives just before it is summed: nobody may look further ahead.
        const std::uint64_t count = std::min(part, n - first);
        fill_sum<T>(stream, x.data() + first, first, count, 9);
        work->enqueue_part(stream, first, count);
        first += count;
      } while (first < n);
      work->enqueue_finish(stream);
      stream.synchronize();
      const Verdict verdict =
          reduction::verify<T>(work->sum(), n, 9, work->rounding(), test_cpus());
      EXPECT_TRUE(verdict.correct) << verdict.note;
      sums.push_back(work->sum());
    }
    for (const SumOf<T> sum : sums) EXPECT_EQ(sum, sums.front());
  }
}

TYPED_TEST(Ladder, InputsAreTheHosts) {
  using T = TypeParam;
  const Device device(0);
  const Stream stream(device);
  // Across the boundary behind which inputs do not depend on the salt, and across 2^32.
  for (const std::uint64_t first : {reduction::kSalted - 50, (std::uint64_t{1} << 32) - 50}) {
    constexpr std::uint64_t kCount = 100;
    const DeviceArray<T> x(device, kCount);
    for (const bool sum : {false, true}) {
      if (sum) {
        fill_sum<T>(stream, x.data(), first, kCount, 77);
      } else {
        fill_double<T>(stream, x.data(), first, kCount, 77);
      }
      std::vector<T> filled(kCount);
      std::vector<T> expected(kCount);
      device.check(cudaMemcpyAsync(filled.data(), x.data(), kCount * sizeof(T),
                                   cudaMemcpyDeviceToHost, stream.get()),
                   "copying");
      stream.synchronize();
      sum ? reduction::fill<T>(expected, first, 77) : doubling::fill<T>(expected, first, 77);
      EXPECT_EQ(std::memcmp(filled.data(), expected.data(), kCount * sizeof(T)), 0);
    }
  }
}

TEST(LadderRule, PicksByDeviceAndSize) {
  const Workload& doubling = *find_workload("double");
  const Workload& reduce = *find_workload("reduce");
  constexpr std::uint64_t kSmall = 1 << 20;
  constexpr std::uint64_t kLarge = std::uint64_t{1} << 30;
  EXPECT_EQ(best_step(doubling, {132, true, kSmall, false}), "unrolled");
  EXPECT_EQ(best_step(doubling, {132, true, kLarge, false}), "bulk");
  EXPECT_EQ(best_step(doubling, {132, false, kLarge, false}), "unrolled");
  EXPECT_EQ(best_step(doubling, {132, true, kSmall, true}), "bulk");
  EXPECT_EQ(best_step(doubling, {132, false, kSmall, true}), "unrolled");
  EXPECT_EQ(best_step(reduce, {132, true, kLarge, false}), "single-pass");
  EXPECT_EQ(best_step(reduce, {132, false, kSmall, true}), "single-pass");
}

TEST(LadderRule, OffersBestAndLibrariesByDefault) {
  for (const Workload& workload : workloads()) {
    if (!workload.moves_data()) continue;
    for (const ElementType type : kElementTypes) {
      std::vector<std::string> names;
      int best_on_device = 0;
      int best_offload = 0;
      for (const Variant& variant : ladder(workload, type)) {
        names.push_back(variant.name);
        for (const Scope scope : variant.scopes) {
          if (variant.role != Variant::Role::best) continue;
          ++(scope == Scope::offload ? best_offload : best_on_device);
        }
        // The device's clock cannot be put around a call that waits.
        if (variant.name == "thrust") {
          EXPECT_EQ(variant.scopes, std::vector{Scope::resident});
        }
      }
      EXPECT_EQ(best_on_device, 2);
      EXPECT_EQ(best_offload, 1);
      const auto has = [&](const char* name) {
        return std::find(names.begin(), names.end(), name) != names.end();
      };
      EXPECT_EQ(has("cublas"), workload.name == "double" &&
                                   (type == ElementType::f32 || type == ElementType::f64));
      EXPECT_EQ(has("thrust"), workload.name == "reduce");
      EXPECT_TRUE(has("cub"));
    }
  }
}

}  // namespace
}  // namespace crossover::gpu
