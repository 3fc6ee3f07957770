#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/limits.hpp"

/// What the system calls tasks, threads and processes alike: how many more there may be, and what
/// one of them uses.
namespace crossover {

enum class TaskKind { thread, process };

/// What room_for_tasks() leaves to everybody else.
inline constexpr std::uint64_t kTaskMargin = 64;

/// How many more tasks this process may start, and what forbids one more.
struct TaskRoom {
  std::uint64_t tasks = 0;
  std::string_view limit;  ///< "pids.max of the control group"; static
};

/// The tightest of: the control groups' pids.max, the user's RLIMIT_NPROC (which does not bind
/// root), the kernel's threads-max and pid_max, and for threads the mappings that a process may
/// have (two for each stack). Nothing where the system tells of none.
std::optional<TaskRoom> room_for_tasks(TaskKind kind, const SystemRoot& root = {});

/// Throws Unavailable with count and limit when there is no room for `count` more tasks: asking the
/// system for the last ones it has would make others fail.
void require_room_for_tasks(TaskKind kind, std::uint64_t count, const SystemRoot& root = {});

/// A process's memory, in bytes. The kernel's own (its stack for each task, page tables) is in
/// none.
struct MemoryUse {
  double proportional = 0;  ///< that it uses, pages that others use as well divided among them
  double resident = 0;      ///< that it uses, such pages counted whole
  double reserved = 0;      ///< addresses, whether or not there is memory behind them
};

/// That of `process` ("self", or its id). Nothing before Linux 4.14, or for somebody else's.
std::optional<MemoryUse> memory_use(std::string_view process = "self", const SystemRoot& root = {});

/// How often a task has given its CPU away since it was born.
struct ContextSwitches {
  std::uint64_t voluntary = 0;    ///< it had to wait
  std::uint64_t involuntary = 0;  ///< somebody else's turn

  ContextSwitches operator-(const ContextSwitches& before) const {
    return {voluntary - before.voluntary, involuntary - before.involuntary};
  }
  ContextSwitches& operator+=(const ContextSwitches& more) {
    voluntary += more.voluntary;
    involuntary += more.involuntary;
    return *this;
  }
};

/// Of the thread or process `task`; zeros for one that is gone.
ContextSwitches context_switches(pid_t task, const SystemRoot& root = {});

/// What a process has used so far, its children not included.
struct ProcessUsage {
  double cpu_s = 0;
  double involuntary_switches = 0;
  std::uint64_t wait_ns = 0;  ///< ready to run, waiting for a CPU: of its first thread
  std::uint64_t turns = 0;    ///< on a CPU: of its first thread
};

/// Of a running process, of this user's at least; nothing when it has ended. What the system does
/// not tell is 0. Takes some 20 us.
std::optional<ProcessUsage> process_usage(int process, const SystemRoot& root = {});

/// Whether this process holds a CUDA context: it has then mapped files of the driver's,
/// /dev/nvidia... Such mappings make each of its forks dearer. Nothing where the system does not
/// tell what is mapped.
std::optional<bool> holds_cuda_context(const SystemRoot& root = {});

}  // namespace crossover
