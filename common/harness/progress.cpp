#include "common/harness/progress.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "common/streams.hpp"

namespace crossover {

namespace {

constexpr std::chrono::milliseconds kTerminalPeriod{100};
constexpr std::chrono::seconds kLogPeriod{10};

std::size_t terminal_width() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
}

}  // namespace

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::max(seconds, 0.0)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

Progress::Progress(bool quiet) : quiet_(quiet), terminal_(isatty(STDERR_FILENO) == 1) {}

void Progress::update(int round, int rounds, std::size_t done, std::size_t of, double left_s,
                      const std::string& configuration) {
  if (quiet_) return;
  const auto now = Clock::now();
  if (now - last_ < (terminal_ ? Clock::duration(kTerminalPeriod) : Clock::duration(kLogPeriod))) {
    return;
  }
  last_ = now;
  std::string line = fmt::format("round {} of {}  {}/{}  at most {} left  {}", round + 1, rounds,
                                 done, of, format_duration(left_s), configuration);
  if (terminal_) {
    line.resize(std::min(line.size(), terminal_width() - 1));
    tell("\r\x1b[K" + line);
    drawn_ = true;
  } else {
    tell(line + '\n');
  }
}

void Progress::say(const std::string& line) {
  if (quiet_) return;
  clear();
  tell(line + '\n');
}

void Progress::clear() {
  if (!drawn_) return;
  tell("\r\x1b[K");
  drawn_ = false;
}

}  // namespace crossover
