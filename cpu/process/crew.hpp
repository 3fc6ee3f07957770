#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "common/model.hpp"

/// Worker processes over shared memory. As with threads, the caller is worker 0.
namespace crossover::cpu {

/// What the workers are to do. Processes share no closures, so the caller says it by name.
struct Order {
  enum class Task : std::uint32_t { touch, fill, cool, work };
  Task task = Task::work;
  std::uint32_t salt = 0;
};

/// Does worker `worker`'s part of an order, on memory that all share. A worker has it as it was
/// when the worker was forked.
using Perform = std::function<void(int worker, Order order)>;

class Crew {
 public:
  virtual ~Crew() = default;
  /// Has each worker perform the order, and waits for all. Throws std::runtime_error when a worker
  /// has ended, and Unavailable when the system refuses one; the crew is of no use then.
  virtual void run(Order order) = 0;
  /// The processes besides the calling one that live from one run() to the next.
  virtual std::vector<pid_t> processes() const = 0;
};

/// What a crew takes of the host's memory besides the data it works on, in bytes.
std::uint64_t crew_bytes(const Configuration& configuration);

/// Persistent workers with the protocol of the threads' pool: they spin between orders for about a
/// millisecond and sleep then. Throws Unavailable.
std::unique_ptr<Crew> make_pool(int workers, const Placement& placement, Perform perform);

/// Workers forked for every order, which end with it.
std::unique_ptr<Crew> make_spawn(int workers, const Placement& placement, Perform perform);

}  // namespace crossover::cpu
