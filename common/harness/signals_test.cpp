#include "common/harness/signals.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

namespace crossover {
namespace {

using testing::ExitedWithCode;

/// Never ends by itself before something else has ended it, however busy the machine is.
constexpr std::chrono::minutes kNever{2};
/// Well above the patience, and the second that ThreadSanitizer takes to end.
constexpr std::chrono::seconds kPastPatience{3};

/// A program that `prepares`, is told to stop by a signal and takes so long to.
template <class Prepare>
[[noreturn]] void stop_slowly(std::chrono::seconds lasts, Prepare&& prepare) {
  StopSignals signals(std::chrono::milliseconds(600));
  prepare(signals);
  ::kill(::getpid(), SIGINT);
  std::this_thread::sleep_for(lasts);
  std::_Exit(signals.requested() && signals.sender() == ::getpid() ? 7 : 8);
}

class StopSignalsDeathTest : public testing::Test {
 protected:
  void SetUp() override { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(StopSignalsDeathTest, FinishForAProgramThatIsOverdue) {
  const auto prepare = [](StopSignals& signals) { signals.when_overdue([] { return 5; }); };
  EXPECT_EXIT(stop_slowly(kNever, prepare), ExitedWithCode(5), "");
}

TEST_F(StopSignalsDeathTest, EndAProgramThatHasNothingToFinish) {
  EXPECT_EXIT(stop_slowly(kNever, [](StopSignals&) {}), ExitedWithCode(130), "");
}

TEST_F(StopSignalsDeathTest, LeaveAProgramThatIsEndingItsTime) {
  EXPECT_EXIT(stop_slowly(kPastPatience,
                          [](StopSignals& signals) {
                            signals.when_overdue([] { return 5; });
                            signals.writing_files();
                          }),
              ExitedWithCode(7), "");
}

// The time that it has may be known only after the signal.
TEST_F(StopSignalsDeathTest, TakeANewEndForNoSecondSignal) {
  EXPECT_EXIT(
      stop_slowly(kPastPatience,
                  [](StopSignals& signals) {
                    signals.writing_files();
                    std::thread([&signals] {
                      std::this_thread::sleep_for(std::chrono::milliseconds(300));
                      signals.end_at(std::chrono::steady_clock::now() + std::chrono::hours(1));
                    }).detach();
                  }),
      ExitedWithCode(7), "");
}

/// A program whose time is up while it is busy.
[[noreturn]] void run_out_of_time(int finished) {
  StopSignals signals(std::chrono::milliseconds(300));
  if (finished != 0) signals.when_overdue([finished] { return finished; });
  signals.end_at(std::chrono::steady_clock::now() + std::chrono::hours(1));
  signals.end_at(std::chrono::steady_clock::now() + std::chrono::milliseconds(50));
  const auto end = std::chrono::steady_clock::now() + kNever;
  while (!signals.requested() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  if (!signals.expired()) std::_Exit(8);
  if (finished == 0) std::_Exit(7);
  std::this_thread::sleep_for(kNever);
  std::_Exit(9);
}

TEST_F(StopSignalsDeathTest, AskToStopWhenTheTimeIsUp) {
  EXPECT_EXIT(run_out_of_time(0), ExitedWithCode(7), "");
}

TEST_F(StopSignalsDeathTest, FinishForAProgramThatOutlivesItsTime) {
  EXPECT_EXIT(run_out_of_time(5), ExitedWithCode(5), "");
}

TEST_F(StopSignalsDeathTest, EndAtOnceAtTheSecondSignal) {
  const auto prepare = [](StopSignals& signals) {
    signals.writing_files();
    std::thread([] {
      while (true) {
        std::this_thread::sleep_for(kSameRequest + std::chrono::milliseconds(200));
        ::kill(::getpid(), SIGTERM);
      }
    }).detach();
  };
  EXPECT_EXIT(stop_slowly(kNever, prepare), ExitedWithCode(130), "");
}

TEST_F(StopSignalsDeathTest, TakeTwoWithinASecondForOneRequest) {
  const auto prepare = [](StopSignals& signals) {
    signals.writing_files();
    ::kill(::getpid(), SIGTERM);
  };
  EXPECT_EXIT(stop_slowly(kPastPatience, prepare), ExitedWithCode(7), "");
}

}  // namespace
}  // namespace crossover
