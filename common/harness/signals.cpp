#include "common/harness/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>
#include <system_error>
#include <utility>

#include "common/harness/exit_status.hpp"

namespace crossover {

namespace {

// Wakes the thread when the program ends by itself, and when it has a new time to end at.
constexpr int kDismissed = SIGUSR1;
constexpr int kNewEnd = SIGUSR2;

/// What a caller has told the program to ignore (nohup does) is left alone: blocked, it would come
/// all the same.
sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, kDismissed, kNewEnd}) {
    struct sigaction action {};
    if (sigaction(signal, nullptr, &action) == 0 && action.sa_handler != SIG_IGN) {
      sigaddset(&set, signal);
    }
  }
  return set;
}

using Clock = std::chrono::steady_clock;

/// The next signal of `set`, and what is known of it; 0 at `end`.
int next_of(const sigset_t& set, std::optional<Clock::time_point> end, siginfo_t& signal) {
  while (true) {
    int number = 0;
    if (end) {
      const auto left = std::max(*end - Clock::now(), Clock::duration::zero());
      const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(left).count();
      const timespec wait{ns / 1'000'000'000, ns % 1'000'000'000};
      number = sigtimedwait(&set, &signal, &wait);
      if (number < 0 && errno == EAGAIN) return 0;
    } else {
      number = sigwaitinfo(&set, &signal);
    }
    if (number > 0) return number;
  }
}

}  // namespace

StopSignals::StopSignals(std::chrono::milliseconds patience) : patience_(patience) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  try {
    thread_ = std::thread([this] { wait_for_signals(); });
  } catch (const std::system_error& error) {
    throw std::system_error(error.code(), "cannot start the thread that waits for signals");
  }
}

StopSignals::~StopSignals() {
  pthread_kill(thread_.native_handle(), kDismissed);
  thread_.join();
}

void StopSignals::when_overdue(std::function<int()> finish) {
  const std::lock_guard lock(mutex_);
  finish_ = std::move(finish);
  writing_files_ = false;
}

void StopSignals::writing_files() {
  const std::lock_guard lock(mutex_);
  writing_files_ = true;
}

void StopSignals::end_at(std::chrono::steady_clock::time_point when) {
  {
    const std::lock_guard lock(mutex_);
    end_ = when;
  }
  pthread_kill(thread_.native_handle(), kNewEnd);
}

int StopSignals::wait_for_the_first() {
  const sigset_t set = watched_signals();
  while (true) {
    std::optional<Clock::time_point> end;
    {
      const std::lock_guard lock(mutex_);
      end = end_;
    }
    siginfo_t signal{};
    const int number = next_of(set, end, signal);
    if (number == kNewEnd) continue;
    sender_ = signal.si_pid;
    return number;
  }
}

void StopSignals::wait_for_signals() {
  const int first = wait_for_the_first();
  if (first == kDismissed) return;
  expired_ = first == 0;
  requested_ = true;
  const auto asked = Clock::now();
  std::optional<Clock::time_point> overdue = asked + patience_;
  sigset_t set = watched_signals();
  sigdelset(&set, kNewEnd);  // there is no other end any more
  while (true) {
    siginfo_t signal{};
    const int number = next_of(set, overdue, signal);
    if (number == kDismissed) return;
    if (number == 0) {
      const std::lock_guard lock(mutex_);
      if (!writing_files_) _exit(finish_ ? finish_() : kInterrupted);
      overdue.reset();
    } else if (Clock::now() >= asked + kSameRequest) {
      _exit(kInterrupted);
    }
  }
}

}  // namespace crossover
