#include "cpu/costs/switch/switch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>  // NOLINT: kill is POSIX
#include <sys/wait.h>

#include <cerrno>
#include <thread>

#include "cpu/costs/cost_testing.hpp"

namespace crossover::cpu {
namespace {

using testing::HasSubstr;

using MakeSwitch = std::unique_ptr<Operation> (*)(const Configuration&, const Placement&);

class Switch : public testing::TestWithParam<MakeSwitch> {
 protected:
  std::unique_ptr<Operation> prepare(const std::string& variant, std::uint64_t elements,
                                     Pin pin = Pin::cores) {
    return GetParam()(configuration("switch", variant, elements, 2),
                      detect_topology().place(2, pin));
  }
};

TEST_P(Switch, TakesTheTokenThereAndBack) {
  const bool one_cpu = detect_topology().threads.size() < 2;
  for (const Variant& variant : switch_variants()) {
    SCOPED_TRACE(variant.name);
    if (one_cpu && variant.name.ends_with("2-cores")) {
      EXPECT_THROW(prepare(variant.name, 1), Unavailable);
      continue;
    }
    for (const Pin pin : {Pin::cores, Pin::none}) {
      for (const std::uint64_t n : {0, 1, 7}) {
        const auto operation = prepare(variant.name, n, pin);
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
  for (const char* variant : {"futex-1-core", "condition-variable-1-core", "pipe-1-core"}) {
    SCOPED_TRACE(variant);
    const auto operation = prepare(variant, 1);
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

TEST_P(Switch, LeavesNoOneBehind) {
  for (const Variant& variant : switch_variants()) {
    if (detect_topology().threads.size() < 2 && variant.name.ends_with("2-cores")) continue;
    const auto operation = prepare(variant.name, 1);
    operation->renew(1);
    operation->time(3);
  }
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

INSTANTIATE_TEST_SUITE_P(Between, Switch, testing::Values(make_thread_switch, make_process_switch),
                         [](const auto& instance) {
                           return instance.param == make_thread_switch ? "Threads" : "Processes";
                         });

template <class Channel>
class SwitchOfProcesses : public testing::Test {};
using Channels = testing::Types<Futexes, ConditionVariables, Pipes>;
TYPED_TEST_SUITE(SwitchOfProcesses, Channels);

TYPED_TEST(SwitchOfProcesses, ReportsAPeerThatDies) {
  const Configuration what = configuration("switch", "x-1-core", 1, 2);
  SwitchOperation<TypeParam, ProcessPeer> operation(what, detect_topology().place(2, Pin::cores));
  operation.renew(1);
  operation.time(10);
  std::thread killer([peer = operation.peer_task()] {
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
  const Configuration what = configuration("switch", "x-1-core", 1, 2);
  SwitchOperation<Shortcut, ThreadPeer> operation(what, detect_topology().place(2, Pin::cores));
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
