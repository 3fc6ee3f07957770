#include "common/disturbance.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <future>
#include <thread>

#include "common/fake_root.hpp"

namespace crossover {
namespace {

using testing::AllOf;
using testing::DoubleEq;
using testing::DoubleNear;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Optional;

/// Linux shows 100 ticks a second to programs on every architecture in use.
constexpr double kTick_s = 0.01;

/// A span in which `cpus` CPUs together lost `ticks` ticks to the hypervisor.
Disturbance stolen(double wall_s, int ticks, int cpus) {
  Disturbance span;
  span.wall_s = wall_s;
  span.usable_cpus = 64;
  span.steal_s = ticks * kTick_s;
  span.steal_cpus = cpus;
  return span;
}

TEST(Reason, IsEmptyWhenNothingHappened) {
  EXPECT_THAT(Disturbance{}.reason(1), IsEmpty());
  EXPECT_THAT(stolen(0.010, 0, 0).reason(2), IsEmpty());
}

TEST(Reason, ATickInAShortSampleIsOnlyTheCountersGranularity) {
  EXPECT_THAT(stolen(0.010, 1, 1).reason(1), IsEmpty());
  EXPECT_THAT(stolen(0.010, 2, 2).reason(2), IsEmpty());
  EXPECT_THAT(stolen(0.001, 1, 1).reason(1), IsEmpty());
  EXPECT_THAT(stolen(0.100, 4, 16).reason(16), IsEmpty());
}

TEST(Reason, MoreTicksThanTheirErrorAreSteal) {
  EXPECT_THAT(stolen(0.020, 2, 1).reason(1), HasSubstr("stolen by the hypervisor"));
  EXPECT_THAT(stolen(0.100, 3, 2).reason(2), HasSubstr("15.0 % of the CPU time stolen"));
  EXPECT_THAT(stolen(0.100, 7, 16).reason(16), HasSubstr("stolen"));
}

TEST(Reason, StealInALongSampleIsMeasuredAgainstTheWorkersTime) {
  EXPECT_THAT(stolen(1.0, 3, 2).reason(2), HasSubstr("1.5 % of the CPU time stolen"));
  EXPECT_THAT(stolen(1.0, 2, 2).reason(2), IsEmpty());    // 1.0 %
  EXPECT_THAT(stolen(10.0, 19, 2).reason(2), IsEmpty());  // just below 1 %
  EXPECT_THAT(stolen(10.0, 21, 2).reason(2), HasSubstr("stolen"));
  EXPECT_THAT(stolen(10.0, 21, 2).reason(4), IsEmpty());
}

/// A span in which two of the worker's turns ended by force.
Disturbance waited(double wait_s, double turns) {
  Disturbance span;
  span.wall_s = 0.1;
  span.usable_cpus = 2;
  span.waits_known = true;
  span.wait_s = wait_s;
  span.turns = turns;
  span.involuntary_switches = 2;
  return span;
}

TEST(Reason, WaitingForACpu) {
  EXPECT_THAT(waited(0.0009, 2).reason(1), IsEmpty());
  EXPECT_EQ(waited(0.004, 2).reason(1),
            "2 involuntary context switches (waited 4.0 % of the time for a CPU)");
  EXPECT_THAT(waited(0.0019, 2).reason(2), IsEmpty());
  EXPECT_THAT(waited(0.0021, 2).reason(2), HasSubstr("involuntary"));
}

TEST(Reason, WakingSleepersIsTheModelsOwnPrice) {
  // 1000 wake-ups of 50 us in 100 ms.
  EXPECT_THAT(waited(0.050, 1002).reason(2), IsEmpty());
  // But not 3 ms each.
  EXPECT_THAT(waited(0.030, 12).reason(2), HasSubstr("waited 15.0 %"));
}

TEST(Reason, ATeamLargerThanTheMachineTakesTurnsByItself) {
  EXPECT_THAT(waited(0.080, 40).reason(2), Not(IsEmpty()));
  EXPECT_THAT(waited(0.080, 40).reason(3), IsEmpty());
}

TEST(Reason, SwitchesAloneCountWhereWaitsAreUnknown) {
  Disturbance span;
  span.wall_s = 0.01;
  span.usable_cpus = 2;
  span.involuntary_switches = 2;
  EXPECT_THAT(span.reason(1), IsEmpty());
  span.involuntary_switches = 3;
  EXPECT_EQ(span.reason(1), "3 involuntary context switches");
  span.wall_s = 1;
  span.involuntary_switches = 9;
  EXPECT_THAT(span.reason(1), IsEmpty());
  span.involuntary_switches = 11;
  EXPECT_THAT(span.reason(1), Not(IsEmpty()));
}

Disturbance shared(double wall_s, double others_s, int cpus) {
  Disturbance span;
  span.wall_s = wall_s;
  span.others_s = others_s;
  span.busy_cpus = cpus;
  span.usable_cpus = 4;
  return span;
}

TEST(Reason, OtherProcesses) {
  EXPECT_EQ(shared(1.0, 0.4, 2).reason(2), "other processes used 0.4 CPUs");
  EXPECT_THAT(shared(1.0, 0.19, 2).reason(2), IsEmpty());  // 9.5 % of the workers' time
  EXPECT_THAT(shared(1.0, 0.09, 2).reason(1), IsEmpty());
  EXPECT_THAT(shared(1.0, 0.11, 2).reason(1), Not(IsEmpty()));
}

TEST(Reason, OthersNeverUseMoreThanThereIs) {
  auto span = shared(0.016, 0.050, 2);
  span.allowed_cpus = 2;
  EXPECT_EQ(span.reason(1), "other processes used 2.0 CPUs");
  span.own_s = 0.008;
  EXPECT_EQ(span.reason(1), "other processes used 1.5 CPUs");
}

TEST(Reason, BusyTicksInAShortSampleAreOnlyTheCountersGranularity) {
  EXPECT_THAT(shared(0.010, 0.020, 1).reason(1), IsEmpty());
  EXPECT_THAT(shared(0.010, 0.028, 2).reason(2), IsEmpty());
  EXPECT_THAT(shared(0.100, 0.050, 2).reason(2), Not(IsEmpty()));
}

TEST(Reason, AThrottledClockOfABusyCpu) {
  Disturbance span;
  span.wall_s = 1;
  span.own_s = 1;
  span.mhz = 1800;
  EXPECT_THAT(span.reason(1), IsEmpty());
  span.base_mhz = 2600;
  EXPECT_EQ(span.reason(1), "clock at 1800 MHz, below its nominal 2600 MHz");
  span.mhz = 2550;
  EXPECT_THAT(span.reason(1), IsEmpty());
  span.mhz = 800;
  span.own_s = 0.5;  // slept: the clock fell for want of work
  EXPECT_THAT(span.reason(1), IsEmpty());
}

TEST(Reason, JoinsPhrases) {
  auto span = stolen(1.0, 31, 1);
  span.others_s = 0.4;
  span.busy_cpus = 1;
  EXPECT_EQ(span.reason(1),
            "31.0 % of the CPU time stolen by the hypervisor; other processes used 0.4 CPUs");
}

struct Columns {
  int user = 0;
  int system = 0;
  int idle = 0;
  int steal = 0;
};

/// CPUs 1 and 3 of four are the process's.
class Meter : public testing::Test {
 protected:
  void plant(const std::vector<Columns>& cpus) const {
    std::string text = "cpu  9 9 9 9 9 9 9 9 9 9\n";
    for (std::size_t cpu = 0; cpu < cpus.size(); ++cpu) {
      const auto& at = cpus[cpu];
      text += fmt::format("cpu{} {} 0 {} {} 5 0 0 {} 7 8\n", cpu, at.user, at.system, at.idle,
                          at.steal);
    }
    fake.write("proc/stat", text + "intr 1 2 3\nctxt 4\n");
  }
  void thread(int id, std::uint64_t wait_ns, int turns) const {
    fake.write(fmt::format("proc/self/task/{}/schedstat", id),
               fmt::format("123456789 {} {}\n", wait_ns, turns));
  }
  Topology topology = synthetic_topology("core:4 pu:1").restricted_to({1, 3});
  FakeRoot fake;
};

TEST_F(Meter, CountsTheAllowedCpusAlone) {
  plant({{100, 100, 100, 100}, {100, 100, 100, 100}, {100, 100, 100, 100}, {100, 100, 100, 100}});
  DisturbanceMeter meter(topology, fake.root());
  meter.start();
  plant({{900, 900, 900, 900}, {130, 140, 150, 107}, {900, 900, 900, 900}, {100, 100, 200, 102}});
  const auto span = meter.stop();
  EXPECT_DOUBLE_EQ(span.steal_s, 0.09);
  EXPECT_EQ(span.steal_cpus, 2);
  EXPECT_EQ(span.busy_cpus, 1);
  EXPECT_THAT(span.others_s, DoubleNear(0.70, 0.05));
  EXPECT_DOUBLE_EQ(span.others_s, 0.70 - span.own_s);
  EXPECT_DOUBLE_EQ(span.tick_s, kTick_s);
  EXPECT_EQ(span.usable_cpus, 2);
  EXPECT_EQ(span.allowed_cpus, 2);
  EXPECT_FALSE(span.waits_known);
}

TEST_F(Meter, ReadsAnewForEverySpan) {
  plant({{}, {}, {}, {}});
  DisturbanceMeter meter(topology, fake.root());
  plant({{}, {.steal = 40}, {}, {}});
  meter.start();
  EXPECT_EQ(meter.stop().steal_s, 0);
  meter.start();
  plant({{}, {.steal = 45}, {}, {}});
  EXPECT_DOUBLE_EQ(meter.stop().steal_s, 0.05);
}

TEST_F(Meter, CountersThatStepBackOrVanishCountNothing) {
  plant({{}, {50, 50, 50, 50}, {}, {50, 50, 50, 50}});
  DisturbanceMeter meter(topology, fake.root());
  meter.start();
  plant({{}, {40, 40, 40, 40}});
  const auto span = meter.stop();
  EXPECT_EQ(span.steal_s, 0);
  EXPECT_EQ(span.others_s, 0);
}

TEST_F(Meter, ReadsMoreCpusThanItsFirstBufferHolds) {
  const auto large = synthetic_topology("core:1024 pu:1").restricted_to({0, 1023});
  std::vector<Columns> cpus(1024, {123456789, 123456789, 123456789, 5});
  plant(cpus);
  DisturbanceMeter meter(large, fake.root());
  cpus.back().steal += 3;
  plant(cpus);
  EXPECT_DOUBLE_EQ(meter.stop().steal_s, 0.03);
}

TEST_F(Meter, SumsTheWaitsOfAllThreads) {
  thread(11, 1'000'000, 10);
  thread(12, 2'000'000, 20);
  DisturbanceMeter meter(topology, fake.root());
  meter.start();
  thread(11, 1'500'000, 11);
  thread(12, 4'000'000, 23);
  const auto span = meter.stop();
  EXPECT_TRUE(span.waits_known);
  EXPECT_DOUBLE_EQ(span.wait_s, 0.0025);
  EXPECT_EQ(span.turns, 4);
}

TEST_F(Meter, NoticesAThreadThatTookAnothersPlace) {
  thread(11, 1'000'000, 10);
  thread(12, 2'000'000, 20);
  DisturbanceMeter meter(topology, fake.root());
  meter.start();
  // The kernel lets nobody read on in an ended thread's file.
  fake.write("proc/self/task/12/schedstat", "");
  std::filesystem::remove_all(fake.path() / "proc/self/task/12");
  thread(13, 700'000, 3);
  const auto span = meter.stop();
  EXPECT_DOUBLE_EQ(span.wait_s, 0.0007);
  EXPECT_EQ(span.turns, 3);
}

TEST_F(Meter, ReadsTheClockOfItsCpu) {
  const auto file = [](int cpu, const char* name) {
    return fmt::format("sys/devices/system/cpu/cpu{}/cpufreq/{}", cpu, name);
  };
  for (int cpu = 0; cpu < 1024; ++cpu) fake.write(file(cpu, "scaling_cur_freq"), "1800000\n");
  for (int cpu = 0; cpu < 1024; ++cpu) fake.write(file(cpu, "base_frequency"), "2600000\n");
  DisturbanceMeter meter(topology, fake.root());
  const auto span = meter.stop();
  EXPECT_THAT(span.mhz, Optional(DoubleEq(1800)));
  EXPECT_THAT(span.base_mhz, Optional(DoubleEq(2600)));
}

TEST_F(Meter, KnowsNothingWithoutFiles) {
  DisturbanceMeter meter(topology, fake.root());
  meter.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  const auto span = meter.stop();
  EXPECT_GE(span.wall_s, 0.002);
  EXPECT_EQ(span.steal_s + span.others_s + span.wait_s, 0);
  EXPECT_FALSE(span.mhz);
}

/// Uses CPU time of this thread, not wall time: a loaded machine makes it longer, not shorter.
void burn(double seconds) {
  const auto used = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
  };
  const double until = used() + seconds;
  while (used() < until) {
  }
}

TEST(MeterHere, CountsItsOwnTimeAsItsOwn) {
  DisturbanceMeter meter(detect_topology());
  meter.start();
  burn(0.05);
  const auto span = meter.stop();
  EXPECT_GE(span.own_s, 0.049);
  EXPECT_GE(span.wall_s, 0.049);
}

TEST(MeterHere, SeesTwoThreadsThatFightForOneCpu) {
  const auto topology = detect_topology();
  const int cpu = topology.threads.front().cpu;
  std::thread([&] {
    bind_this_thread(cpu);
    DisturbanceMeter meter(topology);
    meter.start();
    std::atomic<bool> stop{false};
    std::thread rival([&] {  // born in the span, on the same CPU
      while (!stop) {
      }
    });
    burn(0.1);
    const auto span = meter.stop();
    stop = true;
    rival.join();
    EXPECT_GT(span.involuntary_switches, 0);
    if (span.waits_known) {
      EXPECT_GT(span.wait_s, 0.02);
      EXPECT_THAT(span.reason(1), HasSubstr("involuntary context switch"));
    }
  }).join();
}

TEST(MeterHere, CountsAThreadBornInTheSpan) {
  DisturbanceMeter meter(detect_topology());
  meter.start();
  std::promise<void> slept;
  std::promise<void> measured;
  std::thread born([&] {
    for (int i = 0; i < 20; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    slept.set_value();
    measured.get_future().wait();
  });
  slept.get_future().wait();
  const auto span = meter.stop();
  measured.set_value();
  born.join();
  EXPECT_EQ(span.waits_known, std::filesystem::exists("/proc/self/schedstat"));
  EXPECT_GE(span.turns, span.waits_known ? 20 : 0);
}

TEST(MeterHere, FollowsThreadsThatComeAndGo) {
  DisturbanceMeter meter(detect_topology());
  for (int i = 0; i < 20; ++i) {
    std::thread first([] { burn(0.0005); });
    meter.start();
    first.join();
    std::thread second([] { burn(0.0005); });
    const auto span = meter.stop();
    second.join();
    // A thread's number that was taken for another's would make differences wrap around.
    EXPECT_GE(span.wait_s, 0);
    EXPECT_LT(span.wait_s, 60);
    EXPECT_LT(span.turns, 1e6);
  }
}

TEST(MeterHere, SeesAnotherProcess) {
  const auto topology = detect_topology();
  DisturbanceMeter meter(topology);
  const auto child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    for (;;) burn(1);
  }
  meter.start();
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  const auto span = meter.stop();
  kill(child, SIGKILL);
  EXPECT_EQ(waitpid(child, nullptr, 0), child);
  EXPECT_GT(span.others_s, 0.1);
  EXPECT_THAT(span.reason(1), HasSubstr("other processes used"));
}

/// A child that computes until it is told to end.
class BusyChild {
 public:
  BusyChild() : process_(fork()) {
    if (process_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
      asm volatile("");
    }
  }
  ~BusyChild() { end(); }
  void end() {
    if (process_ == 0) return;
    kill(process_, SIGKILL);
    waitpid(std::exchange(process_, 0), nullptr, 0);
  }
  int process() const { return process_; }

 private:
  pid_t process_;
};

TEST(DisturbanceMeter, CountsTheChildrenThatWorkAsItsOwn) {
  DisturbanceMeter meter(detect_topology());
  BusyChild child;
  const int processes[] = {child.process()};
  while (process_usage(child.process())->cpu_s < 0.01) {
  }
  const double before = process_usage(child.process())->cpu_s;
  meter.start(processes);
  while (process_usage(child.process())->cpu_s - before < 0.1) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const Disturbance span = meter.stop();
  EXPECT_GE(span.own_s, 0.09);
  EXPECT_GE(span.turns, 1);
  // What it did before the span is not in it, and neither is what nobody said was a worker.
  meter.start();
  EXPECT_LT(meter.stop().own_s, 0.05);
}

TEST(DisturbanceMeter, CountsTheChildrenThatHaveEndedAsItsOwn) {
  DisturbanceMeter meter(detect_topology());
  meter.start();
  {
    BusyChild child;
    while (process_usage(child.process())->cpu_s < 0.1) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  EXPECT_GE(meter.stop().own_s, 0.09);
}

TEST(ProcessUsage, IsNothingOfAProcessThatHasEnded) {
  BusyChild child;
  const int process = child.process();
  EXPECT_TRUE(process_usage(process).has_value());
  child.end();
  EXPECT_FALSE(process_usage(process).has_value());
}

}  // namespace
}  // namespace crossover
