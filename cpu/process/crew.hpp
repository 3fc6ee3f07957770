#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/child.hpp"
#include "cpu/shared.hpp"

/// Worker processes as teams (cpu/operations.hpp). As with threads, the caller is worker 0. What a
/// body refers to a worker sees as it was when the worker was forked, but for memory that is
/// shared. run() throws std::runtime_error when a worker has ended, and Unavailable when the system
/// refuses one; the team is of no use then.
namespace crossover::cpu {

/// Sleeping on a word that processes share. std::atomic::wait() cannot: it sleeps on a futex that
/// is private to the process. Spurious returns are the caller's to handle.
struct SharedFutex {
  /// Sleeps until `word` is woken, unless it no longer holds `expected`.
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
    syscall(SYS_futex, &word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
  }
  static void wake_all(std::atomic<std::uint32_t>& word) {
    syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
};

/// Persistent workers: those of the threads' pool, but that they sleep on a futex which processes
/// share. A body is copied to them: at most 48 bytes, trivially copyable.
class ProcessPool {
 public:
  /// The workers keep `files`, ascending descriptors.
  ProcessPool(int workers, const Placement& placement, std::span<const int> files = {})
      : binding_(placement),
        lines_(Order::lines(workers)),
        order_(lines_.all(), placement.oversubscribed ? 0 : Order::kSpins) {
    children_.reserve(static_cast<std::size_t>(workers));
    for (int worker = 1; worker < workers; ++worker) {
      children_.emplace_back(
          worker, placement, [this, worker] { order_.serve(worker); }, files);
    }
  }

  template <class Body>
  void run(const Body& body) {
    order_.run(body, [this](std::size_t worker) { children_[worker - 1].check(); });
  }

  /// The processes besides the calling one.
  std::vector<pid_t> processes() const { return pids(children_); }

 private:
  using Order = Dispatch<SharedFutex>;

  CallerBinding binding_;
  InSharedMemory<Order::Line> lines_;
  Order order_;
  std::vector<Child> children_;
};

/// Workers forked for every run(), which end with it.
class ProcessSpawn {
 public:
  ProcessSpawn(int workers, const Placement& placement)
      : binding_(placement), placement_(placement), workers_(workers) {
    children_.reserve(static_cast<std::size_t>(workers));
  }

  template <class Body>
  void run(const Body& body) {
    children_.clear();
    for (int worker = 1; worker < workers_; ++worker) {
      children_.emplace_back(worker, placement_, [&] { body(worker); });
    }
    body(0);
    for (Child& child : children_) child.join();
  }

  void observe(Observation& seen) const { add_cuda_context(seen); }

 private:
  CallerBinding binding_;
  Placement placement_;
  int workers_;
  std::vector<Child> children_;
};

/// What a team of processes takes of the host's memory besides the data it works on, in bytes: the
/// workers, orders, and sums or the like.
inline std::uint64_t crew_bytes(const Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.workers) * kChildBytes +
         2 * Buffer::mapped_bytes(1);
}

}  // namespace crossover::cpu
