#include "gpu/clock.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "common/doubling.hpp"
#include "gpu/test_device.hpp"

namespace crossover::gpu {
namespace {

using namespace std::chrono_literals;

class KernelClockTest : public DeviceTest {};

TEST_F(KernelClockTest, TimesEveryOperationOnce) {
  const Device device(0);
  const Stream stream(device);
  const DeviceArray<double> x(device, 1000);
  const auto work = make_double<double>(device, "unrolled", x.data(), 1000);
  KernelClock clock(stream);
  // More than one batch, and a remainder.
  const std::int64_t operations = 2 * KernelClock::most_queued(*work) + 7;
  fill_double<double>(stream, x.data(), 0, 1000, 1);
  EXPECT_GT(clock.time(*work, operations).count(), 0);
  EXPECT_EQ(clock.take_overruns(), 0);
  std::vector<double> copy(1000);
  device.check(cudaMemcpyAsync(copy.data(), x.data(), 8000, cudaMemcpyDeviceToHost, stream.get()),
               "copying");
  stream.synchronize();
  const Verdict verdict =
      doubling::verify<double>(std::span<const double>(copy), 1, operations, test_cpus());
  EXPECT_TRUE(verdict.correct) << verdict.note;
}

TEST_F(KernelClockTest, DoesNotHangWhenNobodyLetsGo) {
  const Device device(0);
  const Stream stream(device);
  const DeviceArray<float> x(device, 10);
  const auto work = make_double<float>(device, "naive", x.data(), 10);
  KernelClock clock(stream, 20ms);
  clock.queue(*work, 1);
  const auto start = std::chrono::steady_clock::now();
  clock.wait();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
  EXPECT_EQ(clock.take_overruns(), 1);
  EXPECT_EQ(clock.take_overruns(), 0);
  // And works again.
  clock.time(*work, 3);
  EXPECT_EQ(clock.take_overruns(), 0);
}

class WarmUpTest : public DeviceTest {};

TEST_F(WarmUpTest, GoesOnUntilTheClockIsSteady) {
  const Device device(0);
  const std::vector<double> climbing{345, 900, 1500, 1975, 1980, 1980};
  std::size_t reading = 0;
  WarmUp warm_up(device, [&] { return climbing.at(std::min(reading++, climbing.size() - 1)); });
  warm_up.run();
  EXPECT_EQ(reading, 5U);  // 1975 and 1980 differ by less than 1 %
}

TEST_F(WarmUpTest, EndsWhereNothingTellsTheClockOrItNeverSettles) {
  const Device device(0);
  WarmUp silent(device, [] { return 0.0; });
  const auto start = std::chrono::steady_clock::now();
  silent.run();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 400ms);
  double mhz = 1000;
  WarmUp restless(device, [&] { return mhz = mhz > 1500 ? 1000 : 2000; });
  restless.run();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

TEST_F(WarmUpTest, DoesNothingSoonAfterWork) {
  const Device device(0);
  int readings = 0;
  WarmUp warm_up(device, [&] {
    ++readings;
    return 1000.0;
  });
  warm_up.worked();
  warm_up.run();
  EXPECT_EQ(readings, 0);
}

}  // namespace
}  // namespace crossover::gpu
