#include "cpu/costs/switch/switch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>  // NOLINT: kill is POSIX
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "cpu/costs/cost_testing.hpp"

namespace crossover::cpu {
namespace {

using testing::HasSubstr;

using Offers = std::vector<Offer> (*)();

class Switch : public testing::TestWithParam<Offers> {
 protected:
  static std::unique_ptr<Operation> prepare(const Offer& offer, std::uint64_t elements,
                                            Pin pin = Pin::cores) {
    return offer.make(configuration("switch", offer.variant.name, elements, 2),
                      detect_topology().place(2, pin));
  }
  static bool fits(const Offer& offer) {
    return detect_topology().threads.size() >= 2 || !offer.variant.name.ends_with("2-cores");
  }
};

TEST_P(Switch, TakesTheTokenThereAndBack) {
  for (const Offer& offer : GetParam()()) {
    SCOPED_TRACE(offer.variant.name);
    if (!fits(offer)) {
      EXPECT_THROW(prepare(offer, 1), Unavailable);
      continue;
    }
    for (const Pin pin : {Pin::cores, Pin::none}) {
      for (const std::uint64_t n : {0, 1, 7}) {
        const auto operation = prepare(offer, n, pin);
        for (const std::uint32_t salt : {1U, 2U}) {
          operation->renew(salt);
          EXPECT_GE(operation->time(1).count(), 0);
          EXPECT_GE(operation->time(50).count(), 0);
          const Verdict verdict = operation->verify();
          EXPECT_TRUE(verdict.correct) << verdict.note;
          EXPECT_EQ(verdict.error, 0);
        }
      }
    }
  }
}

TEST_P(Switch, CountsTheSwitchesOfBothEnds) {
  for (const Offer& offer : GetParam()()) {
    if (!offer.variant.name.ends_with("-1-core")) continue;
    SCOPED_TRACE(offer.variant.name);
    const auto operation = prepare(offer, 1);
    operation->renew(1);
    operation->time(10);
    operation->observe();
    operation->time(1000);
    const auto seen = values(operation->observe());
    // On one core the token cannot be passed on without two switches; one end may be told while it
    // still runs.
    const double both = seen.at("voluntary_switches") + seen.at("involuntary_switches");
    EXPECT_GT(both, 1.8);
    EXPECT_LT(both, 3);
    EXPECT_TRUE(operation->observe().values.empty()) << "nothing since the last look";
  }
}

TEST_P(Switch, TellsTheTailOfSingleRoundTrips) {
  for (const Offer& offer : GetParam()()) {
    if (!fits(offer)) continue;
    SCOPED_TRACE(offer.variant.name);
    const auto operation = prepare(offer, 10);
    operation->renew(1);
    operation->time(1);
    EXPECT_FALSE(values(operation->observe()).contains("op_p50_ns")) << "before the sample";
    // Neighbours make some round trips slower, but not those of every sample.
    double mean = 0;
    std::map<std::string, double> seen;
    const auto alike = [&] {
      return seen.at("op_p50_ns") > mean / 50 && seen.at("op_p50_ns") < mean * 50;
    };
    for (int i = 0; i < 50 && (seen.empty() || !alike()); ++i) {
      mean = operation->time(100).count() / 1000;
      seen = values(operation->observe());
    }
    // Neighbours may make a wake-up on another core take milliseconds.
    const bool all = seen.contains("op_p999_ns") || offer.variant.name.ends_with("-1-core");
    expect_tail(seen, all ? kSingleTrips : 500);
    EXPECT_TRUE(alike()) << seen.at("op_p50_ns") << " of " << mean;
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << verdict.note;
  }
}

TEST(SwitchPeers, RunOnAsManyCoresAsItsNameSays) {
  if (detect_topology().threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const auto cpus = [](int process) {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(process, sizeof set, &set);
    return set;
  };
  for (const Offer& offer : process_switch_offers()) {
    SCOPED_TRACE(offer.variant.name);
    const auto operation = offer.make(configuration("switch", offer.variant.name, 1, 2),
                                      detect_topology().place(2, Pin::cores));
    operation->renew(1);
    operation->time(1);  // the peer is on its CPU
    const cpu_set_t mine = cpus(0);
    const cpu_set_t peers = cpus(operation->processes().front());
    EXPECT_EQ(CPU_COUNT(&mine), 1);
    EXPECT_EQ(CPU_COUNT(&peers), 1);
    EXPECT_EQ(CPU_EQUAL(&mine, &peers) != 0, offer.variant.name.ends_with("1-core"));
  }
}

TEST_P(Switch, LeavesNoOneBehind) {
  for (const Offer& offer : GetParam()()) {
    if (!fits(offer)) continue;
    const auto operation = prepare(offer, 1);
    operation->renew(1);
    operation->time(3);
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

INSTANTIATE_TEST_SUITE_P(Between, Switch,
                         testing::Values(thread_switch_offers, process_switch_offers),
                         [](const auto& instance) {
                           return instance.param == thread_switch_offers ? "Threads" : "Processes";
                         });

template <class Channel>
class SwitchOfProcesses : public testing::Test {};
using Channels = testing::Types<Futexes, ConditionVariables, Pipes>;
TYPED_TEST_SUITE(SwitchOfProcesses, Channels);

TYPED_TEST(SwitchOfProcesses, ReportsAPeerThatDies) {
  const Configuration what = configuration("switch", "fault", 1, 2);
  SwitchOperation<TypeParam, ProcessPeer> operation(
      what, place_pair(detect_topology().place(2, Pin::cores), Cores::one));
  operation.renew(1);
  operation.time(10);
  std::thread killer([peer = operation.processes().front()] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    kill(peer, SIGKILL);
  });
  try {
    for (;;) operation.time(1000);
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("killed by signal 9"));
  }
  killer.join();
}

/// Takes 2 ms there.
class Slow : public Futexes {
 public:
  using Futexes::Futexes;
  void hand(End to, Token token) {
    if (to == End::peer) {
      ++trips;
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    Futexes::hand(to, token);
  }
  static inline std::atomic<int> trips = 0;
};

/// A peer is not asked: the answer lies there at once, or after 0.1 ms while `slow`.
class Echo {
 public:
  explicit Echo(bool) {}
  void hand(End to, Token token) {
    if (to == End::caller) return;
    if (token == kStop) {
      stop_ = token;
      stop_.notify_one();
    }
    if (slow) std::this_thread::sleep_for(std::chrono::microseconds(100));
    answer_ = token + 1;
  }
  Token await(End at, Token) {
    if (at == End::caller) return answer_;
    stop_.wait(0);
    return stop_;
  }
  void break_off() {}
  std::span<const int> files() const { return {}; }
  static inline std::atomic<bool> slow = false;

 private:
  Token answer_ = 0;
  std::atomic<Token> stop_{0};
};

/// The percentiles of 600 slow round trips in the sample and what comes behind it, for which the
/// warm-up was slow as well or was not.
std::map<std::string, double> tail_of_slow_samples(bool slow_warm_up) {
  SwitchOperation<Echo, ThreadPeer> operation(
      configuration("switch", "echo", 1, 2),
      place_pair(detect_topology().place(2, Pin::cores), Cores::one));
  operation.renew(1);
  Echo::slow = slow_warm_up;
  operation.time(100);
  operation.observe();
  Echo::slow = true;
  operation.time(600);
  Echo::slow = false;
  return values(operation.observe());
}

TEST(SwitchTail, IsOfTheSamplesOwnRoundTripsWhereTheyAreLong) {
  const auto seen = tail_of_slow_samples(true);
  expect_tail(seen, kSingleTrips);
  EXPECT_GT(seen.at("op_p50_ns"), 95e3);
}

TEST(SwitchTail, LeavesTheSamplesClockAloneWhereRoundTripsAreShort) {
  const auto seen = tail_of_slow_samples(false);
  expect_tail(seen, kSingleTrips);
  EXPECT_LT(seen.at("op_p50_ns"), 95e3);
}

TEST(SwitchTail, EndsWhereRoundTripsTakeTooLong) {
  const Configuration what = configuration("switch", "slow", 1, 2);
  SwitchOperation<Slow, ThreadPeer> operation(
      what, place_pair(detect_topology().place(2, Pin::cores), Cores::one));
  operation.renew(1);
  operation.observe();
  operation.time(1);
  const int before = Slow::trips;
  const auto seen = values(operation.observe());
  EXPECT_LE(Slow::trips - before, kLongestSingleTrips / std::chrono::milliseconds(2) + 1);
  EXPECT_GE(seen.at("op_p50_ns"), 1.9e6);
  EXPECT_FALSE(seen.contains("op_p999_ns")) << "of some 50";
  EXPECT_TRUE(operation.verify().correct);
}

/// Every tenth token does not go to the peer, but the right answer comes all the same.
class Shortcut : public Futexes {
 public:
  using Futexes::Futexes;
  void hand(End to, Token token) {
    if (to == End::peer && ++handed_ % 10 == 0) {
      Futexes::hand(End::caller, token + 1);
    } else {
      Futexes::hand(to, token);
    }
  }

 private:
  int handed_ = 0;
};

TEST(SwitchVerification, NoticesATokenThatDidNotTravel) {
  const Configuration what = configuration("switch", "fault", 1, 2);
  SwitchOperation<Shortcut, ThreadPeer> operation(
      what, place_pair(detect_topology().place(2, Pin::cores), Cores::one));
  operation.renew(1);
  operation.time(9);
  EXPECT_TRUE(operation.verify().correct);
  operation.time(1);
  const Verdict verdict = operation.verify();
  EXPECT_FALSE(verdict.correct);
  EXPECT_GT(verdict.error, 0);
}

}  // namespace
}  // namespace crossover::cpu
