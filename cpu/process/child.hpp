#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "common/model.hpp"
#include "common/tasks.hpp"

namespace crossover::cpu {

/// To be called first by a process that was forked and will end by _exit(), and by its parent when
/// that has ended. LLVM's OpenMP gives each process a named shared memory object, a forked one too,
/// and removes it only at an orderly end: what stays behind stops a later process with the same
/// number from starting. Allocates nothing; with another OpenMP it does nothing.
void remove_traces_of_openmp(pid_t process);

/// Whatever forks within the clock says whether that was dearer.
inline constexpr Column kCudaContextColumn{
    "cuda_context", "", "cost",
    "1: the process that made others held a CUDA context, which makes its forks dearer"};

/// Appends kCudaContextColumn's value where the system tells it.
void add_cuda_context(Observation& seen, const SystemRoot& root = {});

/// What an idle worker takes besides its data: page tables, its stack, pages it has written to.
inline constexpr std::uint64_t kChildBytes = std::uint64_t{1} << 20;

/// A forked worker process.
///
/// It dies with its parent, whatever ends that: the kernel kills it when the thread that forked it
/// ends (PR_SET_PDEATHSIG), so a Child belongs to that thread. It takes no signal that a terminal
/// or a service manager sends to the whole group: the parent decides when the run ends, and an
/// interrupted run is no failed one. It keeps none of the parent's files open but those it is
/// given.
///
/// The parent has other threads, whose locks the child inherits as they happen to be. So the child
/// must not allocate, print or throw: what it needs is made before, its own part is system calls
/// and loops on memory.
class Child {
 public:
  /// Forks; the child binds itself as worker `worker`, calls `work` and ends when that returns.
  /// `files` are the descriptors that it keeps besides the standard ones, ascending. Throws
  /// Unavailable when the system refuses another process.
  Child(int worker, const Placement& placement, const std::function<void()>& work,
        std::span<const int> files = {});
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  /// Kills the child if it still runs, and reaps it.
  ~Child();

  pid_t pid() const { return pid_; }

  /// Ends it at once, if it still runs.
  void kill() const;

  /// Returns when it has ended, but does not reap it: another thread may wait so, too, as long as
  /// this one neither checks nor joins.
  void await_end() const;

  /// Throws std::runtime_error that says how it ended, if it has ended. Takes 0.3 us.
  void check();

  /// Waits for its end. Throws std::runtime_error when it did not end by itself and well.
  void join();

 private:
  void forget();

  int worker_;
  pid_t pid_ = 0;  // 0: reaped
};

std::vector<pid_t> pids(const std::vector<Child>& children);

}  // namespace crossover::cpu
