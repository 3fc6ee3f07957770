#pragma once

#include <chrono>
#include <string>

namespace crossover {

/// Where a run stands, on standard error: one line that keeps changing on a terminal, a plain line
/// now and then in a log. Silent when asked to be.
class Progress {
 public:
  explicit Progress(bool quiet);

  /// `left_s`: seconds until the run ends at the latest by what is known now.
  /// `rounds`: how many there will be by then.
  void update(int round, int rounds, std::size_t done, std::size_t of, double left_s,
              const std::string& configuration);
  /// Writes a line that stays, for example before and after the run.
  void say(const std::string& line);
  /// Takes the changing line away.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point last_{};
};

/// "42 s", "3 min 20 s", "1 h 5 min".
std::string format_duration(double seconds);

}  // namespace crossover
