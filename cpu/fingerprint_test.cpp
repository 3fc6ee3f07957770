#include "cpu/fingerprint.hpp"

#include <gtest/gtest.h>

#include "common/topology.hpp"

namespace crossover::cpu {
namespace {

// Wide enough for a machine under load and for the sanitizers.
TEST(TakenFingerprint, IsOfAMachineOfThisCentury) {
  const std::vector<int> cpus = detect_topology().allowed_cpus();
  const Fingerprint found = take_fingerprint(cpus);
  EXPECT_GT(found.clock_ghz, 0.001);
  EXPECT_LT(found.clock_ghz, 20);
  for (const auto& [cpu, ns] : found.hand_overs) {
    EXPECT_GT(ns, 1) << cpu;
    EXPECT_LT(ns, 1e7) << cpu;
    EXPECT_NE(cpu, cpus.front());
  }
  ASSERT_TRUE(found.memory.has_value());
  EXPECT_GT(found.memory->read_gb_per_s, 0.01);
  EXPECT_LT(found.memory->read_gb_per_s, 1000);
  EXPECT_GT(found.memory->latency_ns, 1);
  EXPECT_LT(found.memory->latency_ns, 1e5);
}

TEST(TakenFingerprint, LeavesTheCallingThreadWhereItWas) {
  const std::vector<int> before = detect_topology().allowed_cpus();
  take_fingerprint({before.back()});
  EXPECT_EQ(detect_topology().allowed_cpus(), before);
}

TEST(TakenFingerprint, HandsNothingOverOnOneCpu) {
  EXPECT_TRUE(take_fingerprint({detect_topology().allowed_cpus().front()}).hand_overs.empty());
}

TEST(TakenFingerprint, DoesNotWaitForACpuThatItShares) {
  // Both on one CPU: whoever waits keeps the other from answering.
  const int cpu = detect_topology().allowed_cpus().front();
  EXPECT_TRUE(take_fingerprint({cpu, cpu}).hand_overs.empty());
}

}  // namespace
}  // namespace crossover::cpu
