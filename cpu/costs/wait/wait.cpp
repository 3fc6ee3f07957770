#include "cpu/costs/wait/wait.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <time.h>  // NOLINT: clock_nanosleep is POSIX

#include <cerrno>
#include <cmath>
#include <limits>

namespace crossover::cpu {

namespace {

Instant read_clock(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return Instant{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::uint64_t measure_steps_per_millisecond() {
  constexpr std::uint64_t kSteps = 2'000'000;  // 2 ms or so
  constexpr int kTimes = 5;
  Instant fastest = std::numeric_limits<Instant>::max();
  for (int i = 0; i < kTimes; ++i) {
    const Instant start = read_clock(CLOCK_THREAD_CPUTIME_ID);
    chain(static_cast<std::uint64_t>(i), kSteps);
    fastest = std::min(fastest, read_clock(CLOCK_THREAD_CPUTIME_ID) - start);
  }
  return kSteps * kMillisecond / static_cast<std::uint64_t>(std::max<Instant>(fastest, 1));
}

}  // namespace

[[gnu::noinline]] std::uint64_t chain(std::uint64_t value, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    value = value * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(value));  // step by step: two of them could be made one
  }
  return value;
}

Instant now() { return read_clock(CLOCK_MONOTONIC); }

void sleep_until(Instant instant) {
  if (now() >= instant) return;
  const timespec until{instant / 1'000'000'000, instant % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) == EINTR) {
  }
}

ExactTimers::ExactTimers() : slack_(prctl(PR_GET_TIMERSLACK)) { prctl(PR_SET_TIMERSLACK, 1UL); }

ExactTimers::~ExactTimers() {
  if (slack_ > 0) prctl(PR_SET_TIMERSLACK, static_cast<unsigned long>(slack_));
}

std::uint64_t steps_per_millisecond() {
  static const std::uint64_t steps = measure_steps_per_millisecond();
  return steps;
}

Verdict verify_done(const std::vector<Done>& done, std::uint64_t tasks, std::uint64_t results) {
  Done total;
  for (const Done& one : done) {
    total.tasks += one.tasks;
    total.results += one.results;
  }
  if (total.tasks == tasks && total.results == results) return {0, true, {}};
  if (total.tasks == tasks) {
    return {1, false, "a task was cut short, or its result is not that of its work"};
  }
  return {std::abs(static_cast<double>(total.tasks) - static_cast<double>(tasks)) /
              static_cast<double>(tasks),
          false, fmt::format("{} tasks done instead of {}", total.tasks, tasks)};
}

bool all_ended(const std::vector<Sojourn>& all) {
  return std::all_of(all.begin(), all.end(), [](const Sojourn& one) { return one.time >= 0; });
}

Observation observe_fast(const std::vector<Sojourn>& all) {
  std::vector<Instant> fast;
  for (const Sojourn& one : all) {
    if (!one.slow) fast.push_back(one.time);
  }
  if (fast.empty()) return {};
  const auto percentile = [&](double share) {
    const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(fast.size())));
    const auto at = fast.begin() + static_cast<std::ptrdiff_t>(std::max<std::size_t>(rank, 1) - 1);
    std::nth_element(fast.begin(), at, fast.end());
    return static_cast<double>(*at);
  };
  Observation seen;
  seen.values = {{kMixedColumns[0].name, percentile(0.5)},
                 {kMixedColumns[1].name, percentile(0.99)}};
  return seen;
}

}  // namespace crossover::cpu
