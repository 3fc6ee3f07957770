#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "gpu/operations.hpp"
#include "gpu/test_arrays.hpp"

/// Faults planted in what works: an operation that is wrong is never verified as right.
namespace crossover::gpu {
namespace {

constexpr std::int64_t kAlways = std::numeric_limits<std::int64_t>::max();
using After = std::function<void(const Stream&, std::uint64_t set)>;

/// The target's elements [first, end).
Target part(Target target, std::uint64_t first, std::uint64_t end) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(target.workload.arrays); ++i) {
    target.arrays.first[i] += first * size_of(target.type);
  }
  target.arrays.elements = end - first;
  return target;
}

/// The best work for parts of the arrays, with something done to the result; from operation `until`
/// on nothing at all.
Work planted(const Target& target, const std::vector<Target>& parts, const After& after = {},
             std::int64_t until = kAlways) {
  std::vector<Work> works;
  for (const Target& one : parts) works.push_back(best(one));
  Work work;
  work.enqueue = [=, sets = target.arrays.sets](const Stream& stream, std::int64_t first,
                                                std::int64_t operations) {
    for (std::int64_t i = first; i < std::min(first + operations, until); ++i) {
      for (const Work& part : works) part.enqueue(stream, i, 1);
      if (after) after(stream, static_cast<std::uint64_t>(i) % sets);
    }
  };
  work.sum = [=, real = is_floating_point(target.type)](std::uint64_t set) {
    Total all = real ? Total{.real = 0} : Total{.integer = 0};
    for (const Work& part : works) {
      const Total more = part.sum(set);
      all =
          real ? Total{.real = all.real + more.real} : Total{.integer = all.integer + more.integer};
    }
    return all;
  };
  work.poison = [=] {
    for (const Work& part : works) part.poison();
  };
  if (!works.empty()) work.rounding = works.front().rounding;
  return work;
}

Work sound(const Target& target) {
  const std::uint64_t n = target.arrays.elements;
  return planted(target, {part(target, 0, n / 2), part(target, n / 2, n)});
}
Work lost_chunk(const Target& target) {
  const std::uint64_t n = target.arrays.elements;
  return planted(target, {part(target, 0, n / 4), part(target, n / 2, n)});
}
Work skipped_tail(const Target& target) {
  return planted(target, {part(target, 0, target.arrays.elements - 1)});
}
Work no_result(const Target& target) { return planted(target, {target}, {}, 0); }
/// The first operation is right, and its result stays.
Work stale_result(const Target& target) { return planted(target, {target}, {}, 1); }

/// Bytes of one element of the result, number `at`.
Work spoilt_element(const Target& target, int byte) {
  const std::size_t bytes = size_of(target.type);
  const std::uint64_t at = target.arrays.elements / 3 * bytes;
  return planted(
      target, {target}, [=, arrays = target.arrays](const Stream& stream, std::uint64_t set) {
        stream.device().check(cudaMemsetAsync(arrays.at(0, set) + at, byte, bytes, stream.get()),
                              "spoiling");
      });
}
Work nan(const Target& target) { return spoilt_element(target, 0xff); }
Work zero(const Target& target) { return spoilt_element(target, 0); }
Work neighbours_element(const Target& target) {
  const std::size_t bytes = size_of(target.type);
  return planted(target, {target},
                 [=, arrays = target.arrays](const Stream& stream, std::uint64_t set) {
                   std::byte* const y = arrays.at(0, set);
                   stream.device().check(cudaMemcpyAsync(y + 5 * bytes, y + 6 * bytes, bytes,
                                                         cudaMemcpyDeviceToDevice, stream.get()),
                                         "spoiling");
                 });
}
/// In one set only, not the first.
Work wrong_set(const Target& target) {
  return planted(target, {target}, [target](const Stream& stream, std::uint64_t set) {
    if (set != 1) return;
    stream.device().check(cudaMemsetAsync(target.arrays.at(0, set), 0, 8, stream.get()),
                          "spoiling");
  });
}
/// The last two arrays changed places, or one is read in the other's place.
Work swapped_arrays(const Target& target) {
  Target wrong = target;
  const auto last = static_cast<std::size_t>(target.workload.arrays) - 1;
  if (target.workload.is_sum) {
    wrong.arrays.first[last] = wrong.arrays.first[0];
  } else {
    std::swap(wrong.arrays.first[last], wrong.arrays.first[last - 1]);
  }
  return planted(target, {wrong});
}

/// A copy, and something done to its last element.
Work copied(const Target& target, bool spoilt) {
  Work work;
  work.enqueue = [=, arrays = target.arrays](const Stream& stream, std::int64_t, std::int64_t) {
    const std::uint64_t bytes = arrays.elements * size_of(target.type);
    stream.device().check(
        cudaMemcpyAsync(arrays.at(0), arrays.at(1), bytes, cudaMemcpyDeviceToDevice, stream.get()),
        "copying");
    if (!spoilt) return;
    stream.device().check(cudaMemsetAsync(arrays.at(0) + bytes - 4, 0, 4, stream.get()),
                          "spoiling");
  };
  work.poison = [] {};
  return work;
}

class Planted : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!testing::Test::IsSkipped()) gpu_ = std::make_unique<Gpu>(0);
  }
  void TearDown() override {
    gpu_.reset();
    DeviceTest::TearDown();
  }
  Verdict verdict_of(const Case& is, const Make& make, Cache cache, std::uint64_t elements) {
    Configuration what{is.workload,
                       is.type,
                       "cuda",
                       "planted",
                       Scope::resident,
                       elements,
                       gpu_->device.properties().multiprocessors,
                       Devices::gpus({0}),
                       cache};
    const auto operation =
        make_device_operation(what, test_cpus(), {gpu_.get()}, Rung{{"planted"}, make});
    operation->renew(1);
    operation->time(1);
    operation->time(2);
    return operation->verify();
  }

  std::unique_ptr<Gpu> gpu_;
};

class PlantedFaults : public Planted, public testing::WithParamInterface<Case> {
 protected:
  Verdict verdict_of(const Make& make, Cache cache) {
    return Planted::verdict_of(GetParam(), make, cache, kFewThreads ? 600 : 5000);
  }
  void expect_noticed(const char* fault, const Make& make) {
    for (const Cache cache : {Cache::warm, Cache::cold}) {
      const Verdict verdict = verdict_of(make, cache);
      EXPECT_FALSE(verdict.correct) << fault << ", " << name(cache) << ": " << verdict.error;
      EXPECT_FALSE(verdict.note.empty());
    }
  }
};

TEST_P(PlantedFaults, AreNoticed) {
  for (const Cache cache : {Cache::warm, Cache::cold}) {
    const Verdict verdict = verdict_of(sound, cache);
    ASSERT_TRUE(verdict.correct) << verdict.note;
  }
  expect_noticed("lost chunk", lost_chunk);
  expect_noticed("skipped tail", skipped_tail);
  expect_noticed("no result", no_result);
  // Into another array, the first result is as right as the next one.
  if (GetParam().workload->is_sum || GetParam().workload->arrays == 1) {
    EXPECT_FALSE(verdict_of(stale_result, Cache::warm).correct);
  }
  if (GetParam().workload->arrays > 1) expect_noticed("swapped arrays", swapped_arrays);
  if (GetParam().workload->is_sum) return;
  EXPECT_FALSE(verdict_of(wrong_set, Cache::cold).correct);
  expect_noticed("NaN", nan);
  expect_noticed("a wrong element", zero);
  expect_noticed("another's element", neighbours_element);
}

// A map's result comes back in pieces.
TEST_F(Planted, FaultIsNoticedInTheLastPiece) {
  const auto verdict = [&](bool spoilt) {
    return verdict_of(
        {find_workload("copy"), ElementType::f32},
        [spoilt](const Target& target) { return copied(target, spoilt); }, Cache::warm,
        kPieceBytes / 4 + 100);
  };
  EXPECT_TRUE(verdict(false).correct);
  EXPECT_FALSE(verdict(true).correct);
}

/// Of families, two.
std::vector<Case> cases() {
  std::vector<Case> all = array_cases(false);
  const std::vector<Case> sums = array_cases(true);
  all.insert(all.end(), sums.begin(), sums.end());
  std::erase_if(all, [](const Case& is) {
    return is.workload->parameter > 1 && is.workload->parameter != 16;
  });
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, PlantedFaults, testing::ValuesIn(cases()),
                         [](const auto& instance) { return instance.param.name(); });

}  // namespace
}  // namespace crossover::gpu
