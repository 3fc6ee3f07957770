#pragma once

#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/types.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/histogram.hpp"
#include "common/model.hpp"
#include "common/tasks.hpp"
#include "common/topology.hpp"
#include "cpu/costs/switch/handover.hpp"
#include "cpu/costs/tail.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/child.hpp"
#include "cpu/shared.hpp"

/// The workload `switch`: a token goes to a peer and back. How it goes is a channel's
/// (cpu/costs/switch/handover.hpp), who the peer is, a *peer*'s, a class with
///
///     Peer(const Placement& pair, span<const int> files, std::function<void()> body,
///          std::function<void()> on_death)
///         runs `body` elsewhere, as worker 1 of `pair`, until it returns; calls `on_death`, in
///         this process, when the peer ends, however it does; `files` are the descriptors that
///         `body` needs, ascending; throws Unavailable
///     ~Peer()                  ends the peer (which has been handed kStop) and waits for its end
///     pid_t task() const       the system's number of it
///     std::string end()        how it ended, for a message, behind on_death
namespace crossover::cpu {

/// A thread of this process.
class ThreadPeer {
 public:
  static constexpr bool kProcess = false;
  ThreadPeer(const Placement& pair, std::span<const int> files, std::function<void()> body,
             std::function<void()> on_death);
  ThreadPeer(const ThreadPeer&) = delete;
  ThreadPeer& operator=(const ThreadPeer&) = delete;
  ~ThreadPeer() { thread_.join(); }
  pid_t task() const { return task_; }
  std::string end() const { return "the peer's thread has ended"; }

 private:
  std::atomic<pid_t> task_{0};  // -1: could not be bound
  std::thread thread_;
};

/// A forked process, which dies with this one. A thread that waits for its end tells of its death.
class ProcessPeer {
 public:
  static constexpr bool kProcess = true;
  ProcessPeer(const Placement& pair, std::span<const int> files, const std::function<void()>& body,
              std::function<void()> on_death);
  ProcessPeer(const ProcessPeer&) = delete;
  ProcessPeer& operator=(const ProcessPeer&) = delete;
  ~ProcessPeer();
  pid_t task() const { return process_.pid(); }
  std::string end();

 private:
  Child process_;
  std::thread watcher_;
};

enum class Cores { one, two };

/// Where the two workers run: on the first CPU of `placement` both, or on its first two. They are
/// bound even if others are not, because it is what a variant is about. Throws Unavailable when
/// there is no second CPU.
Placement place_pair(const Placement& placement, Cores cores);

/// The round trips of a sample that are timed one by one: as many as a 99.9th percentile needs,
/// which one of them exceeds. Always as many, because the longest of more is longer.
inline constexpr std::uint64_t kSingleTrips = 1000;

/// A round trip that takes as long as so many readings of the clock is timed within the sample,
/// which it makes longer by at most 0.5 %. Shorter ones come behind it, in a few milliseconds, and
/// so do those for which the sample was too short.
inline constexpr double kReadingsATrip = 200;

/// After so long no more of them begin, however few there were: neighbours may make each wait for
/// milliseconds, and a sample must not outlive the run's budget by a second.
inline constexpr std::chrono::milliseconds kLongestSingleTrips{200};

/// Those behind the sample before one is timed: the first finds a peer that has slept.
inline constexpr int kTripsToWake = 50;

/// The columns that observe() fills besides kTailColumns: of both workers together, an operation.
inline constexpr std::array kSwitchColumns{
    Column{"voluntary_switches", "", "cost", "context switches an operation of who waited"},
    Column{"involuntary_switches", "", "cost", "context switches an operation of who was ousted"}};

/// One operation takes the token to the peer and back `elements` times.
template <class Channel, class Peer>
class SwitchOperation final : public Operation {
 public:
  /// `pair` has the CPUs of the two workers.
  SwitchOperation(const Configuration& configuration, Placement pair)
      : round_trips_(configuration.elements),
        pair_(std::move(pair)),
        binding_(pair_),
        shared_(1, Peer::kProcess),
        peer_(
            pair_, shared_->channel.files(), [this] { answer(); },
            [this] { shared_->channel.break_off(); }) {}

  ~SwitchOperation() override { shared_->channel.hand(End::peer, kStop); }

  void renew(std::uint32_t) override {
    trips_ = 0;
    astray_ = 0;
    looked_ = false;
    timing_ = false;
    // The peer waits for a token.
    shared_->trips.store(0, std::memory_order_relaxed);
    shared_->astray.store(0, std::memory_order_relaxed);
  }

  Nanoseconds time(std::int64_t operations) override {
    if constexpr (requires { Channel::kSpins; }) {
      // The peer of a channel that spins has gone to sleep.
      go_and_return();
      ++trips_;
    }
    const ContextSwitches before = switches();
    const std::uint64_t trips = static_cast<std::uint64_t>(operations) * round_trips_;
    const auto start = Clock::now();
    const std::uint64_t timed =
        timing_ ? std::min(trips, kSingleTrips - singles_.count()) : std::uint64_t{0};
    time_singly(timed, Clock::time_point::max());
    for (std::uint64_t trip = timed; trip < trips; ++trip) go_and_return();
    const Nanoseconds taken = Clock::now() - start;
    switches_ += switches() - before;
    operations_ += operations;
    trips_ += trips;
    if (trips > 0) trip_ns_ = taken.count() / static_cast<double>(trips);
    return taken;
  }

  /// The first look since renew() comes before the sample, and says whether that times single round
  /// trips.
  Observation observe() override {
    Observation seen;
    const bool after_sample = std::exchange(looked_, true) && operations_ > 0;
    if (operations_ > 0) {
      const auto each = [this](std::uint64_t count) {
        return static_cast<double>(count) / static_cast<double>(operations_);
      };
      seen.values = {{kSwitchColumns[0].name, each(switches_.voluntary)},
                     {kSwitchColumns[1].name, each(switches_.involuntary)}};
    }
    operations_ = 0;
    switches_ = {};
    if (after_sample) {
      add_tail(seen, single_trips());
    } else {
      timing_ = trip_ns_ >= kReadingsATrip * clock_reading_ns();
    }
    singles_ = {};
    return seen;
  }

  /// The token made every trip: the peer has seen as many as were asked for, and neither end ever
  /// got another token than the one whose turn it was.
  Verdict verify() override {
    const std::uint64_t seen = shared_->trips.load(std::memory_order_relaxed);
    const std::uint64_t astray = astray_ + shared_->astray.load(std::memory_order_relaxed);
    if (seen == trips_ && astray == 0) return {0, true, {}};
    const double missed = std::abs(static_cast<double>(seen) - static_cast<double>(trips_));
    return {(missed + static_cast<double>(astray)) / static_cast<double>(trips_), false,
            fmt::format("the peer saw {} of {} round trips; {} tokens out of turn", seen, trips_,
                        astray)};
  }

  std::vector<int> processes() const override {
    if (Peer::kProcess) return {peer_.task()};
    return {};
  }

 private:
  using Clock = std::chrono::steady_clock;

  struct Shared {
    explicit Shared(bool between_processes) : channel(between_processes) {}
    Channel channel;
    alignas(kLinePair) std::atomic<std::uint64_t> trips{0};
    std::atomic<std::uint64_t> astray{0};
  };

  static constexpr Token after(Token token) { return token + 1 < kBroken ? token + 1 : 1; }

  void go_and_return() {
    const Token out = after(token_);
    shared_->channel.hand(End::peer, out);
    const Token back = shared_->channel.await(End::caller, token_);
    if (back == kBroken) throw std::runtime_error(peer_.end());
    astray_ += back != after(out) ? 1 : 0;
    token_ = back;
  }

  /// Round trips of which each is timed, with one reading of the clock: `count` of them, unless
  /// the clock passes `end` before.
  void time_singly(std::uint64_t count, Clock::time_point end) {
    auto before = Clock::now();
    for (std::uint64_t trip = 0; trip < count && before < end; ++trip) {
      go_and_return();
      const auto after = Clock::now();
      singles_.add(static_cast<std::uint64_t>((after - before).count()));
      before = after;
    }
  }

  /// Those of the sample, and as many behind it as are missing.
  const Histogram& single_trips() {
    const std::uint64_t timed = singles_.count();
    if (timed == kSingleTrips) return singles_;
    const auto end = Clock::now() + kLongestSingleTrips;
    for (int trip = 0; trip < kTripsToWake; ++trip) go_and_return();
    time_singly(kSingleTrips - timed, end);
    trips_ += kTripsToWake + (singles_.count() - timed);
    return singles_;
  }

  /// The peer's part.
  void answer() {
    Token last = 0;
    for (Token expected = after(0);;) {
      last = shared_->channel.await(End::peer, last);
      if (last == kStop || last == kBroken) return;
      const auto add = [](std::atomic<std::uint64_t>& count, std::uint64_t more) {
        count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
      };
      add(shared_->trips, 1);
      add(shared_->astray, last != expected ? 1 : 0);
      const Token back = after(last);
      expected = after(back);
      shared_->channel.hand(End::caller, back);
    }
  }

  ContextSwitches switches() const {
    rusage mine{};
    getrusage(RUSAGE_THREAD, &mine);
    ContextSwitches both = context_switches(peer_.task());
    both += {static_cast<std::uint64_t>(mine.ru_nvcsw), static_cast<std::uint64_t>(mine.ru_nivcsw)};
    return both;
  }

  std::uint64_t round_trips_;
  Placement pair_;
  CallerBinding binding_;
  InSharedMemory<Shared> shared_;
  Peer peer_;
  Token token_ = 0;  // the last that came back
  std::uint64_t trips_ = 0;
  std::uint64_t astray_ = 0;
  std::int64_t operations_ = 0;
  ContextSwitches switches_;
  double trip_ns_ = 0;   // on the mean of the last time()
  bool looked_ = false;  // since renew()
  bool timing_ = false;  // time() fills singles_
  Histogram singles_;
};

/// `futex`, `condition-variable` and `pipe`, on `1-core` and on `2-cores`, between two threads and
/// between two processes.
std::vector<Offer> thread_switch_offers();
std::vector<Offer> process_switch_offers();

/// The workload `core-to-core`: `0-1`, `0-2`, ... between two threads on those CPUs, by Line, in an
/// order of which any beginning is of the whole machine.
std::vector<Offer> core_to_core_offers(const Topology& topology);

/// The CPUs of which each pair is measured, ascending: the first hardware thread of each core, of
/// more than kMostPaired cores of so many; and with SMT a second one of the first that has one.
inline constexpr std::size_t kMostPaired = 64;
std::vector<int> paired_cpus(const Topology& topology);

}  // namespace crossover::cpu
