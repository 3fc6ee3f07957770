#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gpu/device.hpp"

#ifdef CROSSOVER_EMULATION
#include "gpu/emulation/machine.hpp"
#endif

/// For tests that run twice: on the emulation, always, and on a GPU where there is one.
namespace crossover::gpu {

#ifdef CROSSOVER_EMULATION

inline constexpr bool kEmulated = true;

/// A fresh machine before each test, and nothing left on it after.
class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    emulation::reset_machine();
    bytes_ = emulation::live_bytes();
    objects_ = emulation::live_objects();
  }
  void TearDown() override {
    EXPECT_EQ(emulation::live_bytes(), bytes_) << "device or page-locked memory was leaked";
    EXPECT_EQ(emulation::live_objects(), objects_) << "a stream, event or graph was leaked";
  }

 private:
  std::size_t bytes_ = 0;
  int objects_ = 0;
};

/// Calls `body` under each order of threads and blocks.
template <class Body>
void under_each_schedule(Body&& body) {
  using emulation::Order;
  for (const auto& [order, seed, eager] :
       {std::tuple{Order::ascending, 1U, false}, std::tuple{Order::descending, 1U, true},
        std::tuple{Order::shuffled, 7U, false}, std::tuple{Order::shuffled, 8U, true}}) {
    emulation::schedule().order = order;
    emulation::schedule().seed = seed;
    emulation::schedule().eager_copies = eager;
    SCOPED_TRACE(testing::Message() << "order " << static_cast<int>(order) << ", seed " << seed);
    body();
  }
  emulation::schedule() = {};
}

#else

inline constexpr bool kEmulated = false;

class DeviceTest : public testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = why_unavailable(); !why.empty()) {
      GTEST_SKIP() << "nothing was tested on a GPU: " << why;
    }
  }
};

template <class Body>
void under_each_schedule(Body&& body) {
  body();
}

#endif

/// Under ThreadSanitizer a CUDA thread costs a third of a millisecond: a few sizes have to do.
#ifdef CROSSOVER_THREAD_SANITIZER
inline constexpr bool kFewThreads = true;
#else
inline constexpr bool kFewThreads = false;
#endif

/// The CPUs to verify on.
inline const std::vector<int>& test_cpus() {
  static const std::vector<int> cpus{0};
  return cpus;
}

}  // namespace crossover::gpu
