#include "gpu/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "gpu/test_arrays.hpp"

namespace crossover::gpu {
namespace {

using namespace std::chrono_literals;

class KernelClockTest : public DeviceTest {
 protected:
  static Case doubling() { return {find_workload("double"), ElementType::f32}; }
};

TEST_F(KernelClockTest, TimesEveryOperationOnce) {
  const Device device(0);
  const Stream stream(device);
  const GuardedArrays x(stream, doubling(), 1000, 0);
  fill(x.target(), 0, 1);
  Work work = map_by({Step::unrolled}, x.target());
  work.launches = 8;  // a batch is the shorter: floats can be doubled 240 times
  // The kernel's code is loaded when it is first launched: not behind the clock's hold.
  work.enqueue(stream, 0, 1);
  KernelClock clock(stream, work);
  // More than one batch, and a remainder.
  const std::int64_t operations = 2 * clock.most_queued() + 7;
  fill(x.target(), 0, 1);
  EXPECT_GT(time_together({&clock, 1}, 0, operations).count(), 0);
  EXPECT_EQ(clock.take_overruns(), 0);
  const Verdict verdict =
      make_reference(*doubling().workload, ElementType::f32)
          ->verify_map(x.written(0, 1).data(), 0, 1000, 1, operations, test_cpus());
  EXPECT_TRUE(verdict.correct) << verdict.note;
}

TEST_F(KernelClockTest, DoesNotHangWhenNobodyLetsGo) {
  const Device device(0);
  const Stream stream(device);
  const GuardedArrays x(stream, doubling(), 10, 0);
  fill(x.target(), 0, 1);
  const auto work = map_by({Step::naive}, x.target());
  KernelClock clock(stream, work, 20ms);
  clock.queue(0, 1);
  clock.wait();
  EXPECT_EQ(clock.take_overruns(), 1);
  EXPECT_EQ(clock.take_overruns(), 0);
  // And works again.
  time_together({&clock, 1}, 1, 3);
  EXPECT_EQ(clock.take_overruns(), 0);
}

class WarmUpTest : public DeviceTest {};

TEST_F(WarmUpTest, GoesOnUntilTheClockIsSteady) {
  const Device device(0);
  const std::vector<double> climbing{345, 900, 1500, 1975, 1980, 1980};
  std::size_t reading = 0;
  // On a busy machine its half second may be over before, but not every time.
  for (int i = 0; i < 50 && reading != 5; ++i) {
    reading = 0;
    WarmUp warm_up(device, [&] { return climbing.at(std::min(reading++, climbing.size() - 1)); });
    warm_up.run();
    EXPECT_LE(reading, 5U);  // 1975 and 1980 differ by less than 1 %
  }
  EXPECT_EQ(reading, 5U);
}

TEST_F(WarmUpTest, EndsWhereNothingTellsTheClockOrItNeverSettles) {
  const Device device(0);
  int readings = 0;
  WarmUp silent(device, [&] {
    ++readings;
    return 0.0;
  });
  silent.run();
  EXPECT_EQ(readings, 1);
  double mhz = 1000;
  WarmUp restless(device, [&] { return mhz = mhz > 1500 ? 1000 : 2000; });
  restless.run();
}

TEST_F(WarmUpTest, DoesNothingSoonAfterWork) {
  const Device device(0);
  int readings = 1;
  // On a busy machine it may not be soon, but not every time.
  for (int i = 0; i < 50 && readings > 0; ++i) {
    readings = 0;
    WarmUp warm_up(device, [&] {
      ++readings;
      return 1000.0;
    });
    warm_up.worked();
    warm_up.run();
  }
  EXPECT_EQ(readings, 0);
}

}  // namespace
}  // namespace crossover::gpu
