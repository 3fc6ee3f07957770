#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace crossover {

/// Signals that come so close behind the first are the same request: a launcher sends one to its
/// step and one to each task, and Ctrl-C reaches all of a terminal's processes.
constexpr std::chrono::seconds kSameRequest{1};

/// Turns SIGINT, SIGTERM and SIGHUP, where they are not ignored, into a request to stop. Must be
/// made before any other thread, which then inherits that these signals are blocked and are this
/// one's to take.
class StopSignals {
 public:
  /// Throws std::system_error.
  explicit StopSignals(std::chrono::milliseconds patience);
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  /// True from the first signal on, or once the time is up.
  const std::atomic<bool>& requested() const { return requested_; }

  /// The process that sent the first signal; 0 before it, and where it came from a terminal.
  pid_t sender() const { return sender_; }

  /// The time that was given to the program is up at `when`: a request to stop like a signal.
  void end_at(std::chrono::steady_clock::time_point when);
  /// Whether it was the time and no signal that asked to stop.
  bool expired() const { return expired_; }

  /// `finish` is called on the signals' own thread when the program has not ended by itself
  /// `patience` after a request, because it is inside an operation that takes long; then the
  /// process ends with the status that it returns. A second signal, kSameRequest or more after the
  /// first, ends it at once, with status 130.
  void when_overdue(std::function<int()> finish);

  /// The program is about to write its files, at its beginning or its end, and looks at requested()
  /// then: however long that takes, only a second signal ends it before. Holds until when_overdue()
  /// is called. Does not return while `finish` of when_overdue() runs.
  void writing_files();

 private:
  void wait_for_signals();
  /// The first signal, or 0 when the time is up before.
  int wait_for_the_first();

  std::chrono::milliseconds patience_;
  std::atomic<bool> requested_{false};
  std::atomic<pid_t> sender_{0};
  std::atomic<bool> expired_{false};
  std::mutex mutex_;
  std::function<int()> finish_;
  std::optional<std::chrono::steady_clock::time_point> end_;
  bool writing_files_ = false;
  std::thread thread_;
};

}  // namespace crossover
