#include "gpu/telemetry.hpp"

#include <dlfcn.h>
#include <gtest/gtest.h>

#include <array>

namespace crossover::gpu {
namespace {

constexpr const char* kBus = "0000:01:00.0";

TEST(Telemetry, ReadsWhatTheLibraryTells) {
  const Telemetry telemetry(kBus, CROSSOVER_FAKE_NVML);
  const Reading reading = telemetry.read();
  EXPECT_EQ(reading.sm_mhz, 1980);
  EXPECT_EQ(reading.memory_mhz, 3201);
  EXPECT_EQ(reading.temperature_c, 41);
  EXPECT_EQ(reading.power_w, 123.456);
  EXPECT_EQ(reading.energy_j, std::nullopt) << "this GPU does not tell";
  EXPECT_EQ(reading.throttle_reasons, 0x1U);
  EXPECT_EQ(telemetry.sm_mhz(), 1980);
  EXPECT_EQ(telemetry.power_limit_w(), 700);
  EXPECT_EQ(telemetry.driver_version(), "580.00.01");
  ASSERT_TRUE(telemetry.link());
  EXPECT_EQ(telemetry.link()->name(), "PCIe 5.0 x16");
  EXPECT_FALSE(Telemetry("0000:02:00.0", CROSSOVER_FAKE_NVML).link()) << "this GPU does not tell";
}

TEST(Telemetry, CountsEnergyUp) {
  const Telemetry telemetry("0000:02:00.0", CROSSOVER_FAKE_NVML);
  const Reading before = telemetry.read();
  const Reading after = telemetry.read();
  ASSERT_TRUE(before.energy_j && after.energy_j);
  EXPECT_DOUBLE_EQ(*after.energy_j - *before.energy_j, 1.5);
}

TEST(Telemetry, TellsNothingWithoutTheLibraryOrTheGpu) {
  for (const auto& [bus, library] :
       {std::pair{kBus, "no-such-library.so"}, std::pair{"ffff:ff:1f.7", CROSSOVER_FAKE_NVML}}) {
    const Telemetry telemetry(bus, library);
    const Reading reading = telemetry.read();
    EXPECT_FALSE(reading.sm_mhz || reading.memory_mhz || reading.temperature_c || reading.power_w ||
                 reading.energy_j || reading.throttle_reasons);
    EXPECT_FALSE(telemetry.power_limit_w());
    EXPECT_FALSE(telemetry.link());
  }
}

TEST(Telemetry, FollowsTheGpuAndShutsTheLibraryDown) {
  void* const library = dlopen(CROSSOVER_FAKE_NVML, RTLD_NOW);
  ASSERT_NE(library, nullptr);
  const auto set_reasons =
      reinterpret_cast<void (*)(unsigned long long)>(dlsym(library, "fake_nvml_set_reasons"));
  const auto shut_down = reinterpret_cast<int (*)()>(dlsym(library, "fake_nvml_shut_down"));
  const int before = shut_down();
  {
    const Telemetry telemetry(kBus, CROSSOVER_FAKE_NVML);
    set_reasons(0x24);
    EXPECT_EQ(telemetry.read().throttle_reasons, 0x24U);
    set_reasons(0x1);
  }
  EXPECT_EQ(shut_down(), before + 1);
  dlclose(library);
}

TEST(Link, MovesWhatItsGenerationAndLanesAllow) {
  // PCI-SIG's figures for sixteen lanes each way.
  const std::array<double, 6> wanted{4.0, 8.0, 15.75, 31.5, 63.0, 121.0};
  for (unsigned generation = 1; generation <= wanted.size(); ++generation) {
    EXPECT_NEAR((Link{generation, 16}.bytes_per_s()) / 1e9, wanted[generation - 1], 0.05);
  }
  EXPECT_NEAR((Link{4, 8}.bytes_per_s()) / 1e9, 15.75, 0.01);
  EXPECT_EQ((Link{99, 16}.bytes_per_s()), 0) << "not known here";
}

TEST(Throttled, NamesWhatTakesSpeedAndNothingElse) {
  EXPECT_EQ(throttled(0), "");
  EXPECT_EQ(throttled(0x1), "") << "idle";
  EXPECT_EQ(throttled(0x2 | 0x10 | 0x100), "") << "clocks that somebody has set";
  EXPECT_EQ(throttled(0x4), "GPU clock throttled: power cap");
  EXPECT_EQ(throttled(0x4 | 0x20 | 0x1),
            "GPU clock throttled: power cap, thermal slowdown by software");
  EXPECT_NE(throttled(0x8), "");
  EXPECT_NE(throttled(0x40), "");
  EXPECT_NE(throttled(0x80), "");
}

}  // namespace
}  // namespace crossover::gpu
