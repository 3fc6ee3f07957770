// Verification proves itself: every way in which a model has been seen to go wrong is planted here,
// and must be caught.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "common/workloads/testing.hpp"
#include "cpu/faults_testing.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {
namespace {

/// Loops on all of the data at once, to be spoilt: as a team's whole() they replace the slices.
class Right {
 public:
  Right(const Workload& workload, ElementType type)
      : loops_(workload, type),
        inputs_first_(workload.pattern == "map" ? 1 : 0),
        bytes_(size_of(type)),
        real_(type == ElementType::f32 || type == ElementType::f64) {}
  void map(void* const* arrays, std::uint64_t count) const { loops_.map(arrays, count); }
  Total sum(void* const* arrays, std::uint64_t count) const { return loops_.sum(arrays, count); }

 protected:
  /// The bytes of element `index` of array `array`.
  char* at(void* const* arrays, int array, std::uint64_t index) const {
    return static_cast<char*>(arrays[array]) + index * bytes_;
  }
  Loops loops_;
  int inputs_first_;
  std::size_t bytes_;
  bool real_;
};

template <class Faulty>
class WithWhole : public InTurn {
 public:
  using InTurn::InTurn;
  static Loops whole(const Workload& workload, ElementType type) {
    return spoilt<Faulty>(workload, type);
  }
};

class SkippedTail : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const { loops_.map(arrays, count - 1); }
  Total sum(void* const* arrays, std::uint64_t count) const {
    return loops_.sum(arrays, count - 1);
  }
};

class LostChunk : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    loops_.map(arrays, count / 2);
    loops_.map(behind(arrays, count).data(), count - count / 2 - count / 8);
  }
  Total sum(void* const* arrays, std::uint64_t count) const {
    Total total = loops_.sum(arrays, count / 2);
    loops_.add(total, loops_.sum(behind(arrays, count).data(), count - count / 2 - count / 8));
    return total;
  }

 private:
  std::array<void*, 3> behind(void* const* arrays, std::uint64_t count) const {
    std::array<void*, 3> all{};
    for (int array = 0; array < 3; ++array) {
      if (arrays[array] != nullptr) {
        all[static_cast<std::size_t>(array)] = at(arrays, array, count / 2 + count / 8);
      }
    }
    return all;
  }
};

/// The sign of one element, or its lowest bit: of the result, or of what is summed. (The highest
/// bit of an integer is lost in a product with an even one.)
class FlippedElement : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    loops_.map(arrays, count);
    flip(arrays, count);
  }
  Total sum(void* const* arrays, std::uint64_t count) const {
    flip(arrays, count);
    const Total total = loops_.sum(arrays, count);
    flip(arrays, count);
    return total;
  }

 private:
  void flip(void* const* arrays, std::uint64_t count) const {
    char* const element = at(arrays, 0, count / 3);
    if (real_) {
      element[bytes_ - 1] ^= static_cast<char>(0x80);
    } else {
      element[0] ^= 1;
    }
  }
};

/// Works once, and then hands out what it had.
class Stale : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    if (calls_++ == 0) loops_.map(arrays, count);
  }
  Total sum(void* const* arrays, std::uint64_t count) const {
    if (calls_++ == 0) kept_ = loops_.sum(arrays, count);
    return kept_;
  }

 private:
  mutable int calls_ = 0;
  mutable Total kept_{};
};

/// All bits of the last element, and of a sum: NaN, or -1.
class NotANumber : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    loops_.map(arrays, count);
    std::memset(at(arrays, 0, count - 1), 0xff, bytes_);
  }
  Total sum(void* const*, std::uint64_t) const { return {.integer = ~std::uint64_t{0}}; }
};

class Zeroed : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    loops_.map(arrays, count);
    std::memset(at(arrays, 0, count - 1), 0, bytes_);
  }
  Total sum(void* const*, std::uint64_t) const { return {.integer = 0}; }
};

/// Reads one input from another element's place.
class ShiftedInput : public Right {
 public:
  using Right::Right;
  void map(void* const* arrays, std::uint64_t count) const {
    std::array<void*, 3> shifted{};
    std::copy_n(arrays, 3, shifted.begin());
    if (inputs_first_ == 0) return;  // in place, nothing is read from elsewhere: not done at all
    shifted[1] = at(arrays, 1, 1);
    loops_.map(shifted.data(), count - 1);
    loops_.map(std::array<void*, 3>{at(arrays, 0, count - 1), arrays[1], arrays[2]}.data(), 1);
  }
  Total sum(void* const* arrays, std::uint64_t count) const {
    return loops_.sum(std::array<void*, 3>{at(arrays, 0, 1), arrays[1], nullptr}.data(), count - 1);
  }
};

template <class Fault>
class PlantedFault : public testing::Test {};
using Faults =
    testing::Types<SkippedTail, LostChunk, FlippedElement, Stale, NotANumber, Zeroed, ShiftedInput>;
TYPED_TEST_SUITE(PlantedFault, Faults);

template <class Operation>
bool verifies(const Workload& workload, ElementType type, std::uint64_t elements) {
  const Configuration what{&workload, type, "planted", "fault", Scope::resident, elements, 4, {}};
  Operation operation(what, Placement{{}, {0}, false});
  bool correct = true;
  for (const std::uint32_t salt : {1U, 2U}) {
    operation.renew(salt);
    operation.time(3);  // odd: a sign flipped twice is right again
    correct = correct && operation.verify().correct;
  }
  return correct;
}

template <class Body>
void each_case(Body&& body) {
  for (const Workload& workload : workloads()) {
    if (!workload.on_arrays()) continue;  // the others have tests of their own
    for (const ElementType type : tested_types(workload)) {
      for (const std::uint64_t n : {100, 4099, 70001}) {
        if (n > 5000 && workload.flops > 64) continue;
        SCOPED_TRACE(workload.name + " " + std::string(name(type)) + " " + std::to_string(n));
        body(workload, type, n);
      }
    }
  }
}

TYPED_TEST(PlantedFault, IsCaughtInEveryWorkloadAtEverySize) {
  each_case([](const Workload& workload, ElementType type, std::uint64_t n) {
    EXPECT_FALSE((verifies<ArrayOperation<WithWhole<TypeParam>>>(workload, type, n)));
  });
}

TEST(PlantedFaults, AreTheOnlyOnes) {
  each_case([](const Workload& workload, ElementType type, std::uint64_t n) {
    EXPECT_TRUE((verifies<ArrayOperation<WithWhole<Right>>>(workload, type, n)));
    EXPECT_TRUE((verifies<ArrayOperation<InTurn>>(workload, type, n)));
  });
}

TEST(PlantedFaults, ALostWorkerIsCaught) {
  each_case([](const Workload& workload, ElementType type, std::uint64_t n) {
    EXPECT_FALSE((verifies<ArrayOperation<LostWorker>>(workload, type, n)));
  });
}

/// A sample by `Operation` on what `store` holds: is it right?
template <class Operation>
bool is_right(const Workload& workload, ElementType type, BlockStore& store,
              std::uint32_t salt = 1) {
  const Configuration what{&workload, type, "planted", "fault", Scope::resident, 4099, 4, {}};
  Operation operation(what, Placement{{}, {0}, false, &store});
  operation.renew(salt);
  operation.time(3);
  return operation.verify().correct;
}

template <class Body>
void each_workload(Body&& body) {
  for (const Workload& workload : workloads()) {
    if (!workload.on_arrays()) continue;
    for (const ElementType type : tested_types(workload)) {
      SCOPED_TRACE(workload.name + " " + std::string(name(type)));
      body(workload, type);
    }
  }
}

TYPED_TEST(PlantedFault, IsCaughtOnDataThatWasHandedOnAndNotHandedOnItself) {
  if (std::is_same_v<TypeParam, Stale>) return;  // shows with the next input, for which data is new
  each_workload([](const Workload& workload, ElementType type) {
    BlockStore store;
    ASSERT_TRUE((is_right<ArrayOperation<InTurn>>(workload, type, store)));
    ASSERT_FALSE(store.empty());
    EXPECT_FALSE((is_right<ArrayOperation<WithWhole<TypeParam>>>(workload, type, store)));
    EXPECT_TRUE(store.empty());
  });
}

TEST(DataThatIsHandedOn, IsRightForTheNextAndMissesALostWorker) {
  each_workload([](const Workload& workload, ElementType type) {
    BlockStore store;
    // More operations than an input of `double` allows, and another input at the end.
    for (const std::uint32_t salt : {1U, 1U, 1U, 1U, 1U, 2U}) {
      EXPECT_TRUE((is_right<ArrayOperation<InTurn>>(workload, type, store, salt)));
      EXPECT_FALSE(store.empty());
    }
    EXPECT_FALSE((is_right<ArrayOperation<LostWorker>>(workload, type, store, 2)));
  });
}

TEST(MemoryThatIsHandedOn, ServesEveryWorkload) {
  for (const ElementType type : {ElementType::f32, ElementType::i64}) {
    BlockStore store;
    // Fewer arrays than before, and more.
    for (const char* name : {"triad", "double", "copy", "reduce", "double", "triad", "dot"}) {
      EXPECT_TRUE((is_right<ArrayOperation<InTurn>>(*find_workload(name), type, store))) << name;
      EXPECT_FALSE(store.empty());
    }
  }
}

TEST(DataThatIsHandedOn, IsWrittenAnewOnlyForAnotherInput) {
  const Configuration what{
      find_workload("double"), ElementType::f32, "planted", "", Scope::resident, 4099, 4, {}};
  BlockStore store;
  ASSERT_TRUE((is_right<ArrayOperation<InTurn>>(*what.workload, what.type, store)));
  ArrayOperation<InTurn> operation(what, Placement{{}, {0}, false, &store});
  EXPECT_TRUE(store.empty());
  const std::int64_t left = operation.operations_left();
  operation.renew(1);
  EXPECT_EQ(operation.operations_left(), left);
  operation.renew(1);
  EXPECT_EQ(operation.operations_left(), left + 3) << "a second time it is meant";
}

}  // namespace
}  // namespace crossover::cpu
