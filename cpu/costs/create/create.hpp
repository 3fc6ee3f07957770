#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <deque>
#include <latch>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "common/tasks.hpp"
#include "cpu/operations.hpp"

/// The workload `create` on CPU workers: all of a team's workers start, do nothing and end.
namespace crossover::cpu {

/// The columns that `create` fills. Of a thread they are what its process has more with it, of a
/// process all that it has.
inline constexpr std::array kMemoryColumns{
    Column{"worker_bytes", "B", "cost", "memory that a worker takes while it idles"},
    Column{"worker_resident_bytes", "B", "cost",
           "the same, with pages that others use as well counted whole", 1},
    Column{"worker_reserved_bytes", "B", "cost",
           "addresses of a worker, whether or not there is memory behind them", 1},
    Column{"worker_copied_bytes", "B", "cost",
           "what a worker writes to of its parent's memory, and so copies", 1}};

void join_threads(std::vector<std::thread>& threads);

/// Adds threads that call body(worker), for workers `first` to `workers` - 1. Where the system
/// refuses one, it calls `end()`, which lets the others end, waits for them and throws Unavailable.
template <class Body, class End>
void start_threads(std::vector<std::thread>& threads, int first, int workers, const Body& body,
                   End&& end) {
  for (int worker = first; worker < workers; ++worker) {
    try {
      threads.emplace_back([body, worker] { body(worker); });
    } catch (const std::system_error& error) {
      end();
      join_threads(threads);
      refused(fmt::format("thread {}", worker), error.code().value());
    }
  }
}

/// So many idle workers tell what one takes; a thousand would tell no more, in 0.1 s a sample.
inline constexpr int kIdleWorkers = 64;

/// Threads that sleep until this ends: what an idle one costs can be read meanwhile. Throws
/// Unavailable when the system refuses one.
class IdleThreads {
 public:
  explicit IdleThreads(int count);
  IdleThreads(const IdleThreads&) = delete;
  IdleThreads& operator=(const IdleThreads&) = delete;
  ~IdleThreads();

 private:
  std::latch awake_;
  std::latch over_{1};
  std::vector<std::thread> threads_;
};

/// What memory grew by for each of `workers`, while `make` made them.
template <class Make>
std::optional<MemoryUse> memory_of_each(int workers, Make&& make) {
  if (workers < 1) return std::nullopt;
  const std::optional<MemoryUse> before = memory_use();
  make();
  const std::optional<MemoryUse> after = memory_use();
  if (!before || !after) return std::nullopt;
  const auto each = [=](double MemoryUse::*part) {
    return std::max(0.0, *after.*part - *before.*part) / workers;
  };
  return MemoryUse{each(&MemoryUse::proportional), each(&MemoryUse::resident),
                   each(&MemoryUse::reserved)};
}

/// Idle threads on the stacks that the C library has kept from earlier threads, one after the other
/// until memory grows: whoever comes next gets a fresh one, and shows what a worker takes. Throws
/// as IdleThreads.
std::deque<IdleThreads> take_left_over_stacks();

/// One operation has each of `workers` workers come once; more elements than workers do so again.
class Create : public CountedOperation {
 public:
  /// What an idle worker takes.
  Observation observe() override;

 protected:
  /// Throws Unavailable where the system has no room for as many tasks, or the elements are no
  /// whole number of times the workers.
  Create(const Configuration& configuration, TaskKind kind);

  /// All workers once.
  virtual void come() = 0;

  std::uint64_t workers_;
  std::uint64_t rounds_;  // an operation
  std::optional<MemoryUse> memory_;

 private:
  void run() override;
};

/// What "create" means is the team's: threads that are created for it and end with it, or those of
/// a pool that are told to do nothing.
///
/// A team (cpu/operations.hpp) whose workers exist between operations is measured for their memory
/// while they idle; any other brings `Idle`, a class whose construction with a number makes as many
/// idle workers as that.
template <class Team>
class CreateOperation final : public Create {
 public:
  // The few threads on left-over stacks fit into the margin that Create keeps.
  CreateOperation(const Configuration& configuration, const Placement& placement)
      : Create(configuration, TaskKind::thread), came_(workers_) {
    const int workers = configuration.workers;
    const std::deque<IdleThreads> left_over = take_left_over_stacks();
    if constexpr (requires { typename Team::Idle; }) {
      std::optional<typename Team::Idle> idle;
      const int some = std::min(workers, kIdleWorkers);
      memory_ = memory_of_each(some, [&] { idle.emplace(some); });
    } else {
      // The caller is one of them and was there before.
      memory_ =
          memory_of_each(workers - 1, [&] { team_ = std::make_unique<Team>(workers, placement); });
    }
    if (!team_) team_ = std::make_unique<Team>(workers, placement);
  }

  void renew(std::uint32_t salt) override {
    CountedOperation::renew(salt);
    for (Came& came : came_) came.times.store(0, std::memory_order_relaxed);
  }

  /// Every worker came as often as it was asked.
  Verdict verify() override {
    const std::uint64_t expected = operations_ * rounds_;
    const auto wrong = std::count_if(came_.begin(), came_.end(), [=](const Came& came) {
      return came.times.load(std::memory_order_relaxed) != expected;
    });
    if (wrong == 0) return {0, true, {}};
    return {static_cast<double>(wrong) / static_cast<double>(came_.size()), false,
            fmt::format("{} of {} workers did not come {} times", wrong, came_.size(), expected)};
  }

 private:
  struct alignas(kLinePair) Came {
    std::atomic<std::uint64_t> times{0};
  };

  void come() override {
    team_->run([this](int worker) {
      std::atomic<std::uint64_t>& mine = came_[static_cast<std::size_t>(worker)].times;
      mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    });
  }

  std::vector<Came> came_;
  std::unique_ptr<Team> team_;
};

/// How processes are made. `fork`: children that end at once. `fork-write`: children that write to
/// 4 MiB of what they got from their parent first, a byte a page, which is then copied.
/// `posix-spawn`: /bin/true. All are born anywhere on the team's CPUs, all of them before the first
/// is waited for. `shm`: a pool's workers are told to do nothing.
std::vector<Offer> process_create_offers();

}  // namespace crossover::cpu
