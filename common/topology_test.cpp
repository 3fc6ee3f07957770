#include "common/topology.hpp"

#include <gmock/gmock.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <functional>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

#include "common/fake_root.hpp"
#include "common/hwloc_topology.hpp"

namespace crossover {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::ThrowsMessage;

/// Two sockets of four cores with two hardware threads each; CPU numbers in hwloc's order, so that
/// 0 and 1 are siblings and 8 is the second socket's first.
Topology two_sockets() { return synthetic_topology("node:2 core:4 pu:2"); }

/// On a thread of its own, so that no mask outlives a test.
template <class Work>
void elsewhere(Work work) {
  std::exception_ptr failure;
  std::thread([&] {
    try {
      work();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

/// Sets a variable of the environment for one test.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  ~Environment() { unsetenv(name_); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
};

std::vector<int> mask_here() {
  cpu_set_t set;
  CPU_ZERO(&set);
  EXPECT_EQ(sched_getaffinity(0, sizeof(set), &set), 0);
  std::vector<int> cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &set)) cpus.push_back(cpu);
  }
  return cpus;
}

TEST(SyntheticTopology, DescribesSocketsCoresAndSiblings) {
  const auto topology = synthetic_topology("pack:2 node:1 core:4 pu:2");
  ASSERT_EQ(topology.threads.size(), 16);
  EXPECT_EQ(topology.machine_threads, 16);
  EXPECT_EQ(topology.physical_cores, 8);
  const auto& thread = topology.threads[11];
  EXPECT_EQ(thread.cpu, 11);
  EXPECT_EQ(thread.core, 5);
  EXPECT_EQ(thread.numa_node, 1);
  EXPECT_EQ(thread.package, 1);
  EXPECT_EQ(thread.smt_rank, 1);
  EXPECT_FALSE(topology.cpu_quota);
}

TEST(SyntheticTopology, RefusesWhatHwlocDoesNotUnderstand) {
  EXPECT_THAT([] { synthetic_topology("nonsense"); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("'nonsense'")));
}

TEST(Place, CoresBeforeSiblings) {
  EXPECT_THAT(two_sockets().place(10, Pin::cores).cpus,
              ElementsAre(0, 2, 4, 6, 8, 10, 12, 14, 1, 3));
}

TEST(Place, SiblingsFirst) {
  EXPECT_THAT(two_sockets().place(10, Pin::threads).cpus,
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
}

TEST(Place, FillsANodeBeforeTheNext) {
  // Linux often numbers the first threads of all cores first and alternates between sockets.
  const auto topology = synthetic_topology("node:2 core:2 pu:2(indexes=0,4,2,6,1,5,3,7)");
  EXPECT_THAT(topology.place(8, Pin::cores).cpus, ElementsAre(0, 2, 1, 3, 4, 6, 5, 7));
  EXPECT_THAT(topology.place(8, Pin::threads).cpus, ElementsAre(0, 4, 2, 6, 1, 5, 3, 7));
}

TEST(Place, FillsANodeBeforeTheNextWhateverTheCoresNumbers) {
  auto topology = synthetic_topology("core:4 pu:2");
  for (auto& thread : topology.threads) thread.numa_node = thread.core % 2;
  EXPECT_THAT(topology.place(8, Pin::cores).cpus, ElementsAre(0, 4, 2, 6, 1, 5, 3, 7));
  EXPECT_THAT(topology.place(8, Pin::threads).cpus, ElementsAre(0, 1, 4, 5, 2, 3, 6, 7));
}

TEST(Place, FasterCoresFirst) {
  auto topology = synthetic_topology("core:4 pu:2");
  for (auto& thread : topology.threads) thread.kind = thread.core < 2 ? 1 : 0;
  EXPECT_THAT(topology.place(8, Pin::cores).cpus, ElementsAre(4, 6, 0, 2, 5, 7, 1, 3));
  EXPECT_THAT(topology.place(8, Pin::threads).cpus, ElementsAre(4, 5, 6, 7, 0, 1, 2, 3));
}

TEST(Place, StaysWithinTheMask) {
  const auto topology = two_sockets().restricted_to({3, 4, 5, 9});
  EXPECT_EQ(topology.physical_cores, 3);
  EXPECT_EQ(topology.machine_threads, 16);
  // 3 is the only allowed thread of its core, hence its first.
  EXPECT_THAT(topology.place(4, Pin::cores).cpus, ElementsAre(3, 4, 9, 5));
  EXPECT_THAT(topology.place(4, Pin::threads).cpus, ElementsAre(3, 4, 5, 9));
  EXPECT_THAT(topology.place(1, Pin::none).allowed, ElementsAre(3, 4, 5, 9));
}

TEST(Place, WrapsAroundAndSaysSo) {
  const auto topology = synthetic_topology("core:2 pu:1");
  EXPECT_FALSE(topology.place(2, Pin::cores).oversubscribed);
  const auto placement = topology.place(5, Pin::cores);
  EXPECT_THAT(placement.cpus, ElementsAre(0, 1, 0, 1, 0));
  EXPECT_TRUE(placement.oversubscribed);
}

TEST(Place, AQuotaOversubscribesToo) {
  auto topology = two_sockets();
  topology.cpu_quota = 2.5;
  EXPECT_FALSE(topology.place(2, Pin::cores).oversubscribed);
  const auto placement = topology.place(3, Pin::cores);
  EXPECT_TRUE(placement.oversubscribed);
  EXPECT_THAT(placement.cpus, ElementsAre(0, 2, 4));
}

TEST(Place, UnpinnedHasNoCpusButTheMask) {
  const auto placement = two_sockets().place(17, Pin::none);
  EXPECT_THAT(placement.cpus, IsEmpty());
  EXPECT_EQ(placement.allowed.size(), 16);
  EXPECT_TRUE(placement.oversubscribed);
}

TEST(Place, RefusesAnEmptyTeam) {
  EXPECT_THAT([] { two_sockets().place(0, Pin::cores); },
              ThrowsMessage<std::invalid_argument>(HasSubstr("at least 1")));
  EXPECT_THROW(two_sockets().place(-3, Pin::none), std::invalid_argument);
}

TEST(Usable, IsCappedByTheQuotaRoundedDown) {
  auto topology = two_sockets();
  EXPECT_EQ(topology.usable_threads(), 16);
  EXPECT_EQ(topology.usable_cores(), 8);
  for (const auto& [quota, threads, cores] : std::vector<std::tuple<double, int, int>>{
           {0.5, 1, 1}, {1.99, 1, 1}, {2, 2, 2}, {9.9, 9, 8}, {16, 16, 8}, {1e300, 16, 8}}) {
    topology.cpu_quota = quota;
    EXPECT_EQ(topology.usable_threads(), threads) << quota;
    EXPECT_EQ(topology.usable_cores(), cores) << quota;
  }
}

TEST(AutomaticThreadCounts, DoubleUpToTheCoresThenAllThreads) {
  EXPECT_THAT(two_sockets().automatic_thread_counts(), ElementsAre(1, 2, 4, 8, 16));
  EXPECT_THAT(synthetic_topology("core:6 pu:2").automatic_thread_counts(),
              ElementsAre(1, 2, 4, 6, 12));
  EXPECT_THAT(synthetic_topology("core:2 pu:1").automatic_thread_counts(), ElementsAre(1, 2));
  EXPECT_THAT(synthetic_topology("core:1 pu:1").automatic_thread_counts(), ElementsAre(1));
  EXPECT_THAT(synthetic_topology("core:1 pu:2").automatic_thread_counts(), ElementsAre(1, 2));
}

TEST(AutomaticThreadCounts, RespectMaskAndQuota) {
  auto topology = synthetic_topology("core:64 pu:1");
  topology.cpu_quota = 2;
  EXPECT_THAT(topology.automatic_thread_counts(), ElementsAre(1, 2));
  topology = two_sockets();
  topology.cpu_quota = 11;
  EXPECT_THAT(topology.automatic_thread_counts(), ElementsAre(1, 2, 4, 8, 11));
  EXPECT_THAT(two_sockets().restricted_to({0, 1, 2}).automatic_thread_counts(),
              ElementsAre(1, 2, 3));
}

TEST(RestrictedTo, RefusesForeignCpus) {
  EXPECT_THAT(
      [] {
        two_sockets().restricted_to({16, 17, 19});
      },
      ThrowsMessage<std::invalid_argument>(AllOf(HasSubstr("16-17,19"), HasSubstr("0-15"))));
}

TEST(DetectTopology, HonoursTheAffinityMask) {
  const auto all = mask_here();
  const auto topology = detect_topology();
  EXPECT_THAT(topology.allowed_cpus(), ElementsAreArray(all));
  EXPECT_GE(topology.machine_threads, static_cast<int>(all.size()));
  EXPECT_GE(topology.physical_cores, 1);
  elsewhere([&] {
    bind_this_thread(all.back());
    const auto restricted = detect_topology();
    EXPECT_THAT(restricted.allowed_cpus(), ElementsAre(all.back()));
    EXPECT_EQ(restricted.machine_threads, topology.machine_threads);
    EXPECT_EQ(restricted.threads[0].smt_rank, 0);
  });
}

TEST(DetectTopology, SurvivesAnHwlocThatKnowsFewerCpusOrNone) {
  const auto all = mask_here();
  for (const auto* description : {"core:1 pu:1", "core:1 pu:1(indexes=4095)"}) {
    const Environment few("HWLOC_SYNTHETIC", description);
    const auto topology = detect_topology();
    EXPECT_THAT(topology.allowed_cpus(), ElementsAreArray(all)) << description;
    EXPECT_EQ(topology.physical_cores, static_cast<int>(all.size()));
  }
}

TEST(DetectTopology, RanksTheKindsOfCores) {
  // A machine of two kinds, as hwloc exports it: the core of CPU 0 saves power.
  const FakeRoot folder;
  const auto file = (folder.path() / "machine.xml").string();
  const auto hwloc = load_hwloc("core:2 pu:1");
  ASSERT_TRUE(hwloc);
  for (const int kind : {0, 1}) {
    auto* cpus = hwloc_bitmap_alloc();
    hwloc_bitmap_only(cpus, static_cast<unsigned>(kind));
    ASSERT_EQ(hwloc_cpukinds_register(hwloc.get(), cpus, kind, 0, nullptr, 0), 0);
    hwloc_bitmap_free(cpus);
  }
  ASSERT_EQ(hwloc_topology_export_xml(hwloc.get(), file.c_str(), 0), 0);

  const Environment two_kinds("HWLOC_XMLFILE", file);
  const auto topology = detect_topology();
  for (const auto& thread : topology.threads) {
    EXPECT_EQ(thread.kind, thread.cpu == 0 ? 1 : 0) << thread.cpu;
  }
}

TEST(BindThisThread, ToOneCpuAndBack) {
  const auto all = mask_here();
  elsewhere([&] {
    for (const int cpu : all) {
      bind_this_thread(cpu);
      EXPECT_THAT(mask_here(), ElementsAre(cpu));
      EXPECT_EQ(sched_getcpu(), cpu);
    }
    bind_this_thread(all);
    EXPECT_THAT(mask_here(), ElementsAreArray(all));
  });
  EXPECT_THAT(mask_here(), ElementsAreArray(all));
}

TEST(BindThisThread, SaysInOneLineWhichCpuCannotBeHad) {
  const auto message = [](const char* cpus) {
    return ThrowsMessage<std::runtime_error>(AllOf(HasSubstr(cpus), Not(HasSubstr("\n"))));
  };
  EXPECT_THAT([] { bind_this_thread(-1); }, message("CPU -1:"));
  EXPECT_THAT([] { bind_this_thread(1023); }, message("CPU 1023:"));
  EXPECT_THAT([] { bind_this_thread(100000); }, message("CPU 100000:"));
  EXPECT_THAT([] { bind_this_thread(2147483647); }, message("CPU 2147483647:"));
  EXPECT_THAT(
      [] {
        bind_this_thread(std::vector{60001, 60000, 60007});
      },
      message("CPUs 60000-60001,60007:"));
  EXPECT_THAT([] { bind_this_thread(std::vector{0, -7}); }, message("-7"));
  EXPECT_THAT([] { bind_this_thread(std::vector<int>{}); }, message("empty set"));
}

TEST(PinNames, AreThoseOfTheCommandLine) {
  EXPECT_EQ(name(Pin::cores), "cores");
  EXPECT_EQ(name(Pin::threads), "threads");
  EXPECT_EQ(name(Pin::none), "none");
}

}  // namespace
}  // namespace crossover
