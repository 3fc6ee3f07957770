// Verification proves itself: every way in which a model has been seen to go wrong is planted here,
// and must be caught.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <memory>

#include "cpu/faulty_teams.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {
namespace {

class SkippedTail : public InTurn {
 public:
  using InTurn::InTurn;
  template <class T>
  void double_in_place(std::span<T> x) {
    loops::double_in_place(x.first(x.size() - 1));
  }
  template <class T>
  SumOf<T> sum(std::span<const T> x) {
    return loops::sum(x.first(x.size() - 1));
  }
};

class FlippedElement : public InTurn {
 public:
  using InTurn::InTurn;
  template <class T>
  void double_in_place(std::span<T> x) {
    loops::double_in_place(x);
    flip(x[x.size() / 3]);
  }
  template <class T>
  SumOf<T> sum(std::span<const T> x) {
    T value = x[x.size() / 3];
    const auto before = static_cast<loops::Wrapping<SumOf<T>>>(value);
    flip(value);
    return static_cast<SumOf<T>>(static_cast<loops::Wrapping<SumOf<T>>>(loops::sum(x)) - before +
                                 static_cast<loops::Wrapping<SumOf<T>>>(value));
  }

 private:
  /// The sign, or the highest bit.
  template <class T>
  static void flip(T& value) {
    value =
        std::bit_cast<T>(std::bit_cast<BitsOf<T>>(value) ^ (BitsOf<T>{1} << (sizeof(T) * 8 - 1)));
  }
};

/// Works once, and then hands out what it had.
class Stale : public InTurn {
 public:
  using InTurn::InTurn;
  template <class T>
  void double_in_place(std::span<T> x) {
    if (calls_++ == 0) loops::double_in_place(x);
  }
  template <class T>
  SumOf<T> sum(std::span<const T> x) {
    if (calls_++ == 0) kept_ = static_cast<long double>(loops::sum(x));
    return static_cast<SumOf<T>>(kept_);
  }

 private:
  int calls_ = 0;
  long double kept_ = 0;
};

class NotANumber : public InTurn {
 public:
  using InTurn::InTurn;
  template <class T>
  void double_in_place(std::span<T> x) {
    loops::double_in_place(x);
    x.back() = std::numeric_limits<T>::quiet_NaN();
  }
  template <class T>
  SumOf<T> sum(std::span<const T>) {
    return std::numeric_limits<SumOf<T>>::quiet_NaN();  // 0 for integers, as wrong
  }
};

class ZeroedTail : public InTurn {
 public:
  using InTurn::InTurn;
  template <class T>
  void double_in_place(std::span<T> x) {
    loops::double_in_place(x);
    x.back() = T{};
  }
  template <class T>
  SumOf<T> sum(std::span<const T> x) {
    return loops::sum(x) / 2;
  }
};

template <class Team>
class PlantedFault : public testing::Test {};
using Faults =
    testing::Types<LostWorker, SkippedTail, FlippedElement, Stale, NotANumber, ZeroedTail>;
TYPED_TEST_SUITE(PlantedFault, Faults);

template <class Team>
bool verifies(std::string_view workload, ElementType type, std::uint64_t elements) {
  const Configuration what{find_workload(workload), type,     "planted", "fault",
                           Scope::resident,         elements, 4,         "cpu"};
  const Placement placement{{}, {0}, false};
  const auto operation = make_operation<Team>(what, placement);
  bool correct = true;
  for (const std::uint32_t salt : {1U, 2U}) {
    operation->renew(salt);
    operation->time(3);  // odd: a sign flipped twice is right again
    correct = correct && operation->verify().correct;
  }
  return correct;
}

TYPED_TEST(PlantedFault, IsCaughtAtEverySize) {
  for (const Workload& workload : workloads()) {
    if (!workload.moves_data()) continue;  // the others have tests of their own
    for (const ElementType type : workload.types) {
      for (const std::uint64_t n : {100, 4099, 1000003}) {
        ASSERT_TRUE((verifies<InTurn>(workload.name, type, n))) << "the check itself is broken";
        EXPECT_FALSE((verifies<TypeParam>(workload.name, type, n)))
            << workload.name << ' ' << name(type) << ' ' << n;
      }
    }
  }
}

}  // namespace
}  // namespace crossover::cpu
