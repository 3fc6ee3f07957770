#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <vector>

#include "common/model.hpp"
#include "cpu/costs/wait/tasks.hpp"

/// The variant `mixed` of the workload `wait`: fast requests beside slow ones, in one queue in the
/// order of their arrival. They arrive by the clock (open loop): a request that has to wait for a
/// worker has waited from when it was due, not from when somebody had time to look at it.
///
/// The queue is the clock and a ticket: whoever is free draws the next request's number and sleeps
/// until it is due, which is what a worker at an empty queue does, and nobody is needed to put the
/// requests there.
namespace crossover::cpu {

/// A request every 150 us, whatever has become of those before; one of twenty takes a millisecond
/// of a CPU, the others 20 us. That keeps one CPU busy to 46 %.
namespace requests {

inline constexpr Instant kInterval = 150'000;
inline constexpr std::uint64_t kPattern = 20;
inline constexpr Instant kFast = 20'000;
/// Between the moment at which all workers are there and the first request.
inline constexpr Instant kLead = 500'000;

constexpr bool is_slow(std::uint64_t request) { return request % kPattern == 0; }

}  // namespace requests

/// The columns that `mixed` fills.
inline constexpr std::array kMixedColumns{
    Column{"fast_median_ns", "ns", "cost", "half of the fast requests took at most so long"},
    Column{"fast_p99_ns", "ns", "cost", "99 of 100 fast requests took at most so long"}};

/// How long a request took from when it was due to its end; negative: it has not ended.
struct Sojourn {
  Instant time = -1;
  bool slow = false;
};

bool all_ended(const std::vector<Sojourn>& all);

/// The median and the 99th percentile (nearest rank) of the fast ones under kMixedColumns; nothing
/// when there were none.
Observation observe_fast(const std::vector<Sojourn>& all);

template <class Team>
class MixedOperation final : public Tasks<Team> {
 public:
  using Tasks<Team>::Tasks;

  void renew(std::uint32_t salt) override {
    seed_ = salt;
    slow_steps_ = steps_per_millisecond();
    fast_steps_ = slow_steps_ * requests::kFast / kMillisecond;
    slow_result_ = chain(seed_, slow_steps_);
    fast_result_ = chain(seed_, fast_steps_);
    this->renewed();
    sojourns_.clear();
  }

  /// From when the first request is due to the end of the last.
  Nanoseconds time(std::int64_t operations) override {
    const std::uint64_t count = static_cast<std::uint64_t>(operations) * this->elements_;
    for (std::uint64_t i = 0; i < count; ++i) {
      this->results_ += requests::is_slow(i) ? slow_result_ : fast_result_;
    }
    this->tasks_ += count;
    const std::size_t place = sojourns_.size();
    sojourns_.resize(place + count);
    next_ = 0;
    there_ = 0;
    due_first_ = 0;
    last_end_ = 0;
    this->team_.run([&](int worker) { serve(worker, count, place); });
    return Nanoseconds(static_cast<double>(std::max<Instant>(last_end_ - due_first_, 0)));
  }

  /// Of the fast requests since the last look.
  Observation observe() override {
    const Observation seen = observe_fast(sojourns_);
    sojourns_.clear();
    return seen;
  }

  Verdict verify() override {
    if (!all_ended(sojourns_)) return {1, false, "a request was never served"};
    return Tasks<Team>::verify();
  }

 private:
  void serve(int worker, std::uint64_t count, std::size_t place) {
    const ExactTimers exact;
    if (there_.fetch_add(1) + 1 == this->workers_) {
      due_first_ = now() + requests::kLead;
      due_first_.notify_all();
    } else {
      due_first_.wait(0);
    }
    const Instant first = due_first_;
    Done& mine = this->done_by(worker);
    Instant end = 0;
    for (std::uint64_t request; (request = next_.fetch_add(1)) < count;) {
      const bool slow = requests::is_slow(request);
      const Instant due = first + static_cast<Instant>(request) * requests::kInterval;
      sleep_until(due);
      mine.results += chain(seed_, slow ? slow_steps_ : fast_steps_);
      ++mine.tasks;
      end = now();
      sojourns_[place + request] = {end - due, slow};
    }
    for (Instant last = last_end_; last < end && !last_end_.compare_exchange_weak(last, end);) {
    }
  }

  std::vector<Sojourn> sojourns_;
  std::uint64_t seed_ = 0;
  std::uint64_t slow_steps_ = 0;
  std::uint64_t fast_steps_ = 0;
  std::uint64_t slow_result_ = 0;
  std::uint64_t fast_result_ = 0;
  std::atomic<std::uint64_t> next_{0};
  std::atomic<int> there_{0};
  std::atomic<Instant> due_first_{0};
  std::atomic<Instant> last_end_{0};
};

}  // namespace crossover::cpu
