#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "cpu/costs/cost_testing.hpp"
#include "cpu/costs/switch/switch.hpp"

namespace crossover::cpu {
namespace {

std::vector<std::string> pairs_of(const char* machine) {
  std::vector<std::string> names;
  for (const Offer& offer : core_to_core_offers(synthetic_topology(machine))) {
    names.push_back(offer.variant.name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

TEST(CoreToCore, HasEachPairOfCoresOnce) {
  EXPECT_EQ(pairs_of("core:2 pu:1"), std::vector<std::string>{"0-1"});
  EXPECT_EQ(pairs_of("core:4 pu:1"),
            (std::vector<std::string>{"0-1", "0-2", "0-3", "1-2", "1-3", "2-3"}));
}

TEST(CoreToCore, HasOnePairOfSiblings) {
  // hwloc's synthetic machines number a core's hardware threads one behind the other.
  EXPECT_EQ(pairs_of("core:1 pu:2"), std::vector<std::string>{"0-1"});
  EXPECT_EQ(pairs_of("core:3 pu:2"),
            (std::vector<std::string>{"0-1", "0-2", "0-4", "1-2", "1-4", "2-4"}));
}

TEST(CoreToCore, TakesSomeOfManyCoresFromAllOfTheMachine) {
  const Topology machine = synthetic_topology("package:2 core:96 pu:1");
  const std::vector<int> paired = paired_cpus(machine);
  EXPECT_EQ(paired.size(), kMostPaired);
  EXPECT_EQ(std::set<int>(paired.begin(), paired.end()).size(), kMostPaired);
  EXPECT_EQ(paired.front(), 0);
  EXPECT_GE(paired.back(), 188);
  EXPECT_EQ(core_to_core_offers(machine).size(), kMostPaired * (kMostPaired - 1) / 2);
}

TEST(CoreToCore, BeginsAllOverTheMachine) {
  const std::vector<Offer> offers =
      core_to_core_offers(synthetic_topology("package:2 core:32 pu:1"));
  std::set<std::string> packages;
  std::set<std::string> cpus;
  for (std::size_t i = 0; i < 100; ++i) {
    const std::string& name = offers[i].variant.name;
    const std::size_t dash = name.find('-');
    const std::string first = name.substr(0, dash);
    const std::string second = name.substr(dash + 1);
    packages.insert(std::string(std::stoi(first) < 32 ? "0" : "1") +
                    (std::stoi(second) < 32 ? "0" : "1"));
    cpus.insert({first, second});
  }
  EXPECT_EQ(packages, (std::set<std::string>{"00", "01", "11"}));
  EXPECT_GT(cpus.size(), 55U);
}

TEST(CoreToCore, FindsASecondHardwareThreadWhereThereIsOne) {
  // Of the first core one hardware thread alone is allowed.
  const Topology machine = synthetic_topology("core:3 pu:2").restricted_to({1, 2, 3, 4});
  EXPECT_EQ(paired_cpus(machine), (std::vector<int>{1, 2, 3, 4}));
}

TEST(CoreToCore, NeedsASecondCpu) {
  const std::vector<Offer> offers = core_to_core_offers(synthetic_topology("core:1 pu:1"));
  ASSERT_EQ(offers.size(), 1U);
  EXPECT_THROW(offers.front().make(configuration("core-to-core", "pair", 1, 2), kHere),
               Unavailable);
}

TEST(CoreToCore, TakesTheLineThereAndBack) {
  const Topology topology = detect_topology();
  if (topology.threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  for (const Offer& offer : core_to_core_offers(topology)) {
    for (const std::uint64_t n : {0, 1, 7}) {
      const auto operation = offer.make(configuration("core-to-core", offer.variant.name, n, 2),
                                        topology.place(2, Pin::cores));
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        EXPECT_GE(operation->time(1).count(), 0);
        EXPECT_GE(operation->time(50).count(), 0);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << offer.variant.name << ": " << verdict.note;
      }
    }
  }
}

TEST(CoreToCore, WhoWaitsLongSleeps) {
  const Topology topology = detect_topology();
  if (topology.threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const Offer offer = core_to_core_offers(topology).front();
  const auto operation = offer.make(configuration("core-to-core", offer.variant.name, 1, 2),
                                    topology.place(2, Pin::cores));
  operation->renew(1);
  operation->time(10);
  std::this_thread::sleep_for(std::chrono::milliseconds(100));  // longer than it looks
  const auto seconds = [] {
    timespec time{};
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  const double before = seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(seconds() - before, 0.05) << "burns CPU time while idle";
  operation->time(10);
  EXPECT_TRUE(operation->verify().correct) << "and wakes up again";
}

}  // namespace
}  // namespace crossover::cpu
