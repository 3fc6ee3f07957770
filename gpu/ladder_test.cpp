#include "gpu/ladder.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "gpu/test_arrays.hpp"

/// Every step of the ladders with every workload of its pattern.
namespace crossover::gpu {
namespace {

// Around a warp, a block, one pass of a grid (on the emulated device: 8 blocks of 256 threads with
// 4 packs of 4 words), a tile of bulk copies, and what one block sums alone.
const std::vector<std::uint64_t> kSizes{0,    1,    2,    3,     7,     31,    32,    33,    63,
                                        255,  256,  257,  1023,  1024,  1025,  4095,  4096,  4097,
                                        8191, 8193, 9001, 16384, 32767, 32768, 32769, 40003, 66001};

/// Every size for one workload of each shape; what differs in the rest is element() alone.
std::vector<std::uint64_t> sizes_for(const Case& is) {
  const Workload& workload = *is.workload;
  if (kFewThreads) return {0, 33, 1025};
  if (kEmulated && workload.parameter > 16) return {33, 1025};
  const bool simple = workload.arrays == 1 && workload.family.empty();
  const bool one_of_a_shape = workload.arrays > 1 && workload.flops > 1;
  if (!simple && !(one_of_a_shape && is.type == ElementType::f32)) {
    return {0, 1, 33, 257, 1025, 4097, 40003};
  }
  std::vector<std::uint64_t> all = kSizes;
  // On hardware, enough for several passes of the largest grid, the carry into the second salted
  // part, and odd ends.
  if (!kEmulated) all.insert(all.end(), {1'000'003, (1 << 24) - 1, (1 << 24) + 5, 50'000'017});
  return all;
}

/// The steps of a workload's ladder that the device has.
std::vector<Rung> steps_of(const Workload& workload, const Device& device) {
  std::vector<Rung> steps;
  for (const Rung& rung : ladder(workload)) {
    const std::string& name = rung.variant.name;
    if (rung.variant.role != Variant::Role::step || name == "graph" || name == "dependent")
      continue;
    const bool needs_9_0 = name == "bulk" || name == "tile" || name == "ring";
    if (needs_9_0 && !has_9_0(device)) continue;
    steps.push_back(rung);
  }
  return steps;
}

/// Every form that can be the best one of a workload on the device, whatever the size, and what
/// `spread` does, as rungs.
std::vector<Rung> forms_of(const Workload& workload, const Device& device) {
  std::vector<Form> forms;
  for (std::uint64_t bytes = 1; bytes < std::uint64_t{1} << 32; bytes *= 2) {
    const Situation here{bytes, device.properties().l2_bytes, has_9_0(device), true};
    for (const Form& form : candidates(workload, here)) {
      if (std::find(forms.begin(), forms.end(), form) == forms.end()) forms.push_back(form);
    }
  }
  const auto by = workload.is_sum ? sum_by : map_by;
  std::vector<Rung> rungs;
  for (const Form& form : forms) {
    rungs.push_back({{name(form)}, [=](const Target& target) { return by(form, target); }});
  }
  const std::vector<Rung> all = ladder(workload);
  rungs.push_back(*std::find_if(all.begin(), all.end(),
                                [](const Rung& rung) { return rung.variant.name == "spread"; }));
  return rungs;
}

/// Two operations on arrays that start `offset` elements behind a multiple of 256 bytes.
void expect_mapped(const Device& device, const Case& is, std::uint64_t n, std::uint64_t offset,
                   const Make& make, int limit = 0) {
  SCOPED_TRACE("n " + std::to_string(n) + ", offset " + std::to_string(offset));
  const Stream stream(device);
  const GuardedArrays arrays(stream, is, n, offset);
  const Target target = arrays.target(limit);
  fill(target, 0, 3);
  const Work work = make(target);
  work.enqueue(stream, 0, 2);
  const std::vector<std::byte> y = arrays.written(0, 3);
  const Verdict verdict =
      make_reference(*is.workload, is.type)->verify_map(y.data(), 0, n, 3, 2, test_cpus());
  EXPECT_TRUE(verdict.correct) << verdict.note;
  EXPECT_EQ(misplaced(work, device), "");
  EXPECT_EQ(work.seen ? work.seen->size() : 0U, static_cast<std::uint64_t>(limit));
}

/// The sum over arrays at `offset`, verified. Integers of 32 bits in the lower half.
Total checked_sum(const Device& device, const Case& is, std::uint64_t n, std::uint64_t offset,
                  const Make& make, int limit = 0) {
  SCOPED_TRACE("n " + std::to_string(n) + ", offset " + std::to_string(offset));
  const Stream stream(device);
  const GuardedArrays arrays(stream, is, n, offset);
  const Target target = arrays.target(limit);
  const auto reference = make_reference(*is.workload, is.type);
  const Work work = make(target);
  // Another input each time: a partial sum of the one before must not count.
  for (const std::uint32_t salt : {4U, 5U}) {
    fill(target, 0, salt);
    work.poison();
    work.enqueue(stream, 0, 1);
    arrays.written(0, salt);
    const Verdict verdict = reference->verify_sum(work.sum(0), n, salt, work.rounding, test_cpus());
    EXPECT_TRUE(verdict.correct) << verdict.note;
    EXPECT_LE(verdict.error, 1e-6);
  }
  EXPECT_EQ(misplaced(work, device), "");
  EXPECT_EQ(work.seen ? work.seen->size() : 0U, static_cast<std::uint64_t>(limit));
  return work.sum(0);
}

void expect_right(const Device& device, const Case& is, std::uint64_t n, std::uint64_t offset,
                  const Make& make, int limit = 0) {
  if (is.workload->is_sum) {
    checked_sum(device, is, n, offset, make, limit);
  } else {
    expect_mapped(device, is, n, offset, make, limit);
  }
}

class Ladder : public DeviceTest, public testing::WithParamInterface<Case> {
 protected:
  const Case& is() const { return GetParam(); }
  /// `body(device, step)` for each step.
  template <class Body>
  void for_each_step(Body&& body) {
    const Device device(0);
    for_each(device, steps_of(*is().workload, device), body);
  }
  /// The same for each form.
  template <class Body>
  void for_each_form(Body&& body) {
    const Device device(0);
    for_each(device, forms_of(*is().workload, device), body);
  }

 private:
  template <class Body>
  void for_each(const Device& device, const std::vector<Rung>& rungs, Body&& body) {
    for (const Rung& rung : rungs) {
      SCOPED_TRACE(rung.variant.name);
      try {
        body(device, rung);
      } catch (const Unavailable& reason) {
        // A dependent launch of more than half of what the device holds, and nothing else.
        EXPECT_NE(std::string(reason.what()).find("half of the"), std::string::npos)
            << reason.what();
      }
    }
  }
};

TEST_P(Ladder, EverySizeAndAlignment) {
  for_each_step([&](const Device& device, const Rung& step) {
    for (const std::uint64_t n : sizes_for(is())) {
      // Eight passes of the emulated grid: beyond that the textbook's steps do nothing new.
      const std::string& name = step.variant.name;
      const bool by_elements = is().workload->is_sum && name != "vector" && name != "single-pass";
      if (kEmulated && by_elements && n > 16384) continue;
      for (std::uint64_t offset = 0; offset < 16 / size_of(is().type); ++offset) {
        // Every alignment once, at the sizes where it can matter.
        if (offset > 0 && n > 1025) continue;
        expect_right(device, is(), n, offset, step.make);
        if (HasFailure()) return;
      }
    }
  });
}

TEST_P(Ladder, EverySchedule) {
  if (is().workload->parameter > 1) return;
  under_each_schedule([&] {
    const auto right = [&](const Device& device, const Rung& step) {
      for (const std::uint64_t n : {257, kFewThreads ? 1025 : 9001}) {
        expect_right(device, is(), n, 1, step.make);
      }
    };
    for_each_step(right);
    for_each_form(right);
  });
}

/// Around a block of 256 to 1024 threads with 1 to 8 packs each.
TEST_P(Ladder, EveryForm) {
  if (is().workload->parameter > 1) return;
  for_each_form([&](const Device& device, const Rung& form) {
    for (const std::uint64_t n : {0, 1, 3, 1023, 1025, 4097, 8195, 16385, 33001}) {
      if (kFewThreads && n > 1025) continue;
      expect_right(device, is(), n, n % 2, form.make);
    }
  });
}

TEST_P(Ladder, SomeMultiprocessors) {
  if (is().workload->parameter > 1) return;
  for_each_form([&](const Device& device, const Rung& step) {
    if (!step.variant.swept) return;
    for (int count = 1; count <= device.properties().multiprocessors; count *= 2) {
      for (const std::uint64_t n : {0, 1, 1025, kFewThreads ? 4097 : 40003}) {
        expect_right(device, is(), n, 1, step.make, count);
      }
    }
  });
}

TEST_P(Ladder, GraphsDoTheSame) {
  for_each_step([&](const Device& device, const Rung& step) {
    expect_right(device, is(), 1025, 0,
                 [&](const Target& target) { return as_graph(target.stream, step.make(target)); });
  });
}

/// One set after the other, each with an input of its own, and none more than its turns.
TEST_P(Ladder, SetsTakeTurns) {
  if (is().workload->parameter > 1) return;
  constexpr std::uint64_t kSets = 3;
  for_each_step([&](const Device& device, const Rung& step) {
    const std::uint64_t n = 1025;
    const Stream stream(device);
    const GuardedArrays arrays(stream, is(), n, 1, kSets);
    const Target target = arrays.target();
    fill(target, 0, 6);
    const Work work = step.make(target);
    work.poison();
    work.enqueue(stream, 0, 4);
    work.enqueue(stream, 4, 1);
    const auto reference = make_reference(*is().workload, is().type);
    for (std::uint64_t set = 0; set < kSets; ++set) {
      SCOPED_TRACE(set);
      const std::vector<std::byte> y = arrays.written(set, 6);
      const std::uint32_t salt = salt_of(6, set);
      const Verdict verdict =
          is().workload->is_sum
              ? reference->verify_sum(work.sum(set), n, salt, work.rounding, test_cpus())
              : reference->verify_map(y.data(), 0, n, salt, set < 2 ? 2 : 1, test_cpus());
      EXPECT_TRUE(verdict.correct) << verdict.note;
    }
  });
}

TEST_P(Ladder, InputsAreTheHosts) {
  const Device device(0);
  const Stream stream(device);
  const auto reference = make_reference(*is().workload, is().type);
  // Across the boundary behind which a sum's inputs do not depend on the salt, and across 2^32.
  for (const std::uint64_t first : {kSalted - 50, (std::uint64_t{1} << 32) - 50}) {
    constexpr std::uint64_t kCount = 100;
    const GuardedArrays arrays(stream, is(), kCount, 0, 2);
    const Target target = arrays.target();
    fill(target, first, 77);
    for (const std::uint64_t set : {0, 1}) {
      for (int array = 0; array < is().workload->arrays; ++array) {
        std::vector<std::byte> filled(kCount * size_of(is().type));
        std::vector<std::byte> expected(filled.size());
        device.check(cudaMemcpyAsync(filled.data(), target.arrays.at(array, set), filled.size(),
                                     cudaMemcpyDeviceToHost, stream.get()),
                     "copying");
        stream.synchronize();
        reference->fill(array, expected.data(), first, kCount, salt_of(77, set));
        EXPECT_EQ(filled, expected) << "array " << array << " of set " << set;
      }
    }
  }
}

const auto kCaseName = [](const auto& instance) { return instance.param.name(); };
INSTANTIATE_TEST_SUITE_P(Maps, Ladder, testing::ValuesIn(array_cases(false)), kCaseName);
INSTANTIATE_TEST_SUITE_P(Sums, Ladder, testing::ValuesIn(array_cases(true)), kCaseName);

class SumLadder : public Ladder {};

TEST_P(SumLadder, HasTheSameBitsEveryTime) {
  for_each_step([&](const Device& device, const Rung& step) {
    for (const std::uint64_t n : {255, kFewThreads ? 1025 : 4097, kEmulated ? 10007 : 40'000'003}) {
      std::vector<std::uint64_t> sums;
      under_each_schedule([&] {
        const Total sum = checked_sum(device, is(), n, 0, step.make);
        sums.push_back(std::bit_cast<std::uint64_t>(sum));
      });
      if (step.variant.name == "atomic" && is_floating_point(is().type)) continue;
      for (const std::uint64_t sum : sums) EXPECT_EQ(sum, sums.front());
    }
  });
}

TEST_P(SumLadder, InPartsDoesNotDependOnTheParts) {
  const Device device(0);
  const auto reference = make_reference(*is().workload, is().type);
  const std::uint64_t segment = (std::uint64_t{256} << 10) / size_of(is().type);
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{33}, segment - 1,
                                segment, segment + 1, segment + 3, 2 * segment + 5}) {
    std::vector<std::uint64_t> sums;
    for (const std::uint64_t part : {segment, 2 * segment, 4 * segment}) {
      SCOPED_TRACE("n " + std::to_string(n) + ", part " + std::to_string(part));
      const Stream stream(device);
      const GuardedArrays arrays(stream, is(), n, 0);
      const Target whole = arrays.target();
      const SegmentedSum work = make_segmented_sum(whole);
      ASSERT_EQ(part % work.granularity, 0U);
      work.finish.poison();
      std::uint64_t first = 0;
      do {
        // A part's data arrives just before it is summed: nobody may look further ahead.
        Target arriving = whole;
        arriving.arrays.elements = std::min(part, n - first);
        for (std::size_t i = 0; i < static_cast<std::size_t>(is().workload->arrays); ++i) {
          arriving.arrays.first[i] += first * size_of(is().type);
        }
        fill(arriving, first, 9);
        work.enqueue_part(stream, first, arriving.arrays.elements);
        first += arriving.arrays.elements;
      } while (first < n);
      work.finish.enqueue(stream, 0, 1);
      stream.synchronize();
      const Verdict verdict =
          reference->verify_sum(work.finish.sum(0), n, 9, work.finish.rounding, test_cpus());
      EXPECT_TRUE(verdict.correct) << verdict.note;
      sums.push_back(std::bit_cast<std::uint64_t>(work.finish.sum(0)));
    }
    for (const std::uint64_t sum : sums) EXPECT_EQ(sum, sums.front());
  }
}

INSTANTIATE_TEST_SUITE_P(All, SumLadder, testing::ValuesIn(array_cases(true)), kCaseName);

class Graphs : public DeviceTest {};

TEST_F(Graphs, CountTheirOperations) {
  const Case is{find_workload("double"), ElementType::f32};
  const Device device(0);
  const Stream stream(device);
  const GuardedArrays arrays(stream, is, 100, 0);
  const auto reference = make_reference(*is.workload, is.type);
  const Work work = as_graph(stream, map_by({Step::unrolled}, arrays.target()));
  // Below, at and above what a graph of several operations has.
  for (const int operations : {3, kGraphOperations, kGraphOperations + 5}) {
    fill(arrays.target(), 0, 1);
    work.enqueue(stream, 0, operations);
    const Verdict verdict =
        reference->verify_map(arrays.written(0, 1).data(), 0, 100, 1, operations, test_cpus());
    EXPECT_TRUE(verdict.correct) << verdict.note;
  }
}

class NothingFallsThrough : public DeviceTest {};

TEST_F(NothingFallsThrough, ToAnotherPattern) {
  const Device device(0);
  const Stream stream(device);
  const Workload& map = *find_workload("triad");
  const Workload& sum = *find_workload("dot");
  const Target maps_sum{stream, sum, ElementType::f32};
  const Target sums_map{stream, map, ElementType::f32};
  for (const Rung& rung : steps_of(map, device)) {
    EXPECT_THROW(rung.make(maps_sum), std::invalid_argument) << rung.variant.name;
  }
  for (const Rung& rung : steps_of(sum, device)) {
    EXPECT_THROW(rung.make(sums_map), std::invalid_argument) << rung.variant.name;
  }
  EXPECT_THROW(make_segmented_sum(sums_map), std::invalid_argument);
}

TEST_F(NothingFallsThrough, ToAnotherTypeOrWorkload) {
  const Device device(0);
  const Stream stream(device);
  const Target integers{stream, *find_workload("fma1"), ElementType::i32};
  const Target none{stream, costs::count(), ElementType::i64};
  for (const Target& target : {integers, none}) {
    EXPECT_THROW(map_by({Step::naive}, target), std::invalid_argument);
    EXPECT_THROW(sum_by({Step::atomic}, target), std::invalid_argument);
    EXPECT_THROW(fill(target, 0, 0), std::invalid_argument);
  }
}

TEST_F(NothingFallsThrough, ToAStepOfTheOtherLadder) {
  const Device device(0);
  const Stream stream(device);
  const Target map{stream, *find_workload("triad"), ElementType::f32};
  const Target sum{stream, *find_workload("dot"), ElementType::f32};
  EXPECT_THROW(map_by({Step::atomic}, map), std::invalid_argument);
  EXPECT_THROW(sum_by({Step::naive}, sum), std::invalid_argument);
}

/// An H100: an L2 of 50 MiB.
Situation h100(std::uint64_t bytes) { return {bytes, std::uint64_t{50} << 20, true, true}; }
std::string first_guess(const char* workload, const Situation& situation) {
  return name(candidates(*find_workload(workload), situation).front());
}

TEST(FirstGuess, IsWhatWasFastestOnAnH100) {
  constexpr std::uint64_t kKi = 1024;
  constexpr std::uint64_t kMi = 1024 * kKi;
  for (const auto& [workload, bytes, form] :
       {std::tuple{"double", 4 * kKi, "pack:256:dependent"},
        {"double", 4 * kMi, "pack:256:dependent"},
        {"double", 16 * kMi, "vector"},
        {"double", 32 * kMi, "vector"},
        {"double", 64 * kMi, "tile:256:dependent"},
        {"double", 1024 * kMi, "tile:256:dependent"},
        {"copy", 32 * kMi, "unrolled"},
        {"copy", 2048 * kMi, "tile:512"},
        {"fma1024", 64 * kMi, "unrolled"},
        {"fma1024", 64 * kKi, "pack:256:dependent"},
        {"fma4", 64 * kMi, "tile:256:dependent"},
        {"reduce", 4 * kKi, "single-pass:256x1:one-block:dependent"},
        {"reduce", 16 * kKi, "single-pass:1024x4:one-block:dependent"},
        {"reduce", 256 * kKi, "single-pass:1024x4:one-block:dependent"},
        {"reduce", 4 * kMi, "single-pass:512x4:dependent"},
        {"reduce", 16 * kMi, "single-pass:256x8:1-a-multiprocessor"},
        {"reduce", 64 * kMi, "ring"}}) {
    EXPECT_EQ(first_guess(workload, h100(bytes)), form) << workload << ", " << bytes << " bytes";
  }
}

TEST(FirstGuess, AllowsForTheDeviceAndTheClock) {
  Situation older = h100(4096);
  older.has_9_0 = false;
  EXPECT_EQ(first_guess("double", older), "pack:256");
  EXPECT_EQ(first_guess("reduce", older), "single-pass:256x1:one-block");
  older.bytes = std::uint64_t{1} << 30;
  EXPECT_EQ(first_guess("double", older), "pack:1024");
  EXPECT_EQ(first_guess("reduce", older), "single-pass:512x8:4-a-multiprocessor");
  // Where the host waits for each operation there is no kernel ahead.
  Situation alone = h100(std::uint64_t{1} << 30);
  alone.back_to_back = false;
  EXPECT_EQ(first_guess("double", alone), "tile:256");
  for (std::uint64_t bytes = 1; bytes < std::uint64_t{1} << 32; bytes *= 2) {
    alone.bytes = bytes;
    for (const char* workload : {"double", "copy", "fma1024", "reduce", "dot"}) {
      for (const Form& form : candidates(*find_workload(workload), alone)) {
        EXPECT_FALSE(form.dependent) << name(form);
      }
    }
  }
  // Cold: whatever the size, the data is in memory.
  Situation cold = h100(32 << 20);
  cold.l2_bytes = 0;
  EXPECT_EQ(first_guess("double", cold), "tile:256:dependent");
  EXPECT_EQ(first_guess("reduce", cold), "ring");
}

TEST(FirstGuess, IsWrittenDownAsARule) {
  EXPECT_EQ(best_rule(*find_workload("double"), h100(0)),
            "pack:256:dependent below 8388608 bytes, vector below 47185920 bytes, "
            "tile:256:dependent");
  EXPECT_EQ(best_rule(*find_workload("fma1024"), h100(0)),
            "pack:256:dependent below 4194304 bytes, unrolled");
}

}  // namespace
}  // namespace crossover::gpu
