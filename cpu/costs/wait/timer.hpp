#pragma once

#include <cstdint>

/// The clock that sleeping goes by.
namespace crossover::cpu {

/// Nanoseconds of CLOCK_MONOTONIC.
using Instant = std::int64_t;

inline constexpr Instant kMillisecond = 1'000'000;

Instant now();

/// Sleeps until `instant`; returns at once when that is past.
void sleep_until(Instant instant);

/// While it lives, the calling thread's timers are as exact as the kernel can make them (a slack of
/// 1 ns): it may otherwise delay each by 50 us to save power.
class ExactTimers {
 public:
  ExactTimers();
  ExactTimers(const ExactTimers&) = delete;
  ExactTimers& operator=(const ExactTimers&) = delete;
  ~ExactTimers();

 private:
  int slack_;
};

}  // namespace crossover::cpu
