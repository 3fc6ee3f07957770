#include "common/harness/signals.hpp"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <ctime>
#include <utility>

#include "common/harness/exit_status.hpp"

namespace crossover {

namespace {

// Wakes the thread when the program ends by itself.
constexpr int kDismissed = SIGUSR1;

sigset_t watched_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, kDismissed}) sigaddset(&set, signal);
  return set;
}

}  // namespace

StopSignals::StopSignals(std::chrono::milliseconds patience) : patience_(patience) {
  const sigset_t set = watched_signals();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  thread_ = std::thread([this] { wait_for_signals(); });
}

StopSignals::~StopSignals() {
  pthread_kill(thread_.native_handle(), kDismissed);
  thread_.join();
}

void StopSignals::when_overdue(std::function<int()> finish) {
  const std::lock_guard lock(mutex_);
  finish_ = std::move(finish);
}

void StopSignals::ending() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
}

void StopSignals::wait_for_signals() {
  const sigset_t set = watched_signals();
  siginfo_t signal{};
  while (sigwaitinfo(&set, &signal) < 0) {
  }
  if (signal.si_signo == kDismissed) return;
  sender_ = signal.si_pid;
  requested_ = true;
  const timespec patience{patience_.count() / 1000, patience_.count() % 1000 * 1'000'000};
  int next = sigtimedwait(&set, nullptr, &patience);
  if (next == -1 && errno == EAGAIN) {
    const std::lock_guard lock(mutex_);
    if (!ending_) _exit(finish_ ? finish_() : kInterrupted);
  }
  while (next == -1 && sigwait(&set, &next) != 0) {
  }
  if (next == kDismissed) return;
  _exit(kInterrupted);
}

}  // namespace crossover
