#include "cpu/process/child.hpp"

#include <fmt/format.h>
#include <omp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/blocked_signals.hpp"
#include "common/topology.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

// How a child tells what went wrong: it has nothing else to say it with.
constexpr int kNotBound = 100;
constexpr int kThrew = 101;

void close_all_but(std::span<const int> files) {
  unsigned first = STDERR_FILENO + 1;
  for (const int file : files) {
    const auto keep = static_cast<unsigned>(file);
    if (keep > first) close_range(first, keep - 1, 0);
    first = keep + 1;
  }
  close_range(first, ~0U, 0);
}

/// All signals but those that the work itself raises.
sigset_t signals_from_outside() {
  sigset_t set;
  sigfillset(&set);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS}) {
    sigdelset(&set, fault);
  }
  return set;
}

[[noreturn]] void live(pid_t parent, int worker, const Placement& placement,
                       const std::function<void()>& work, std::span<const int> files) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  remove_traces_of_openmp(getpid());
  if (getppid() != parent) _exit(0);  // it ended before it could be told
  close_all_but(files);
  try {
    // An unpinned worker has inherited the mask of all CPUs.
    if (!placement.cpus.empty()) {
      bind_this_thread(placement.cpus[static_cast<std::size_t>(worker)]);
    }
  } catch (...) {
    _exit(kNotBound);
  }
  try {
    work();
  } catch (...) {
    _exit(kThrew);
  }
  _exit(0);
}

std::string ending(const siginfo_t& info) {
  if (info.si_code != CLD_EXITED) {
    return fmt::format("was killed by signal {} ({})", info.si_status, strsignal(info.si_status));
  }
  if (info.si_status == kNotBound) return "could not be bound to its CPU";
  if (info.si_status == kThrew) return "gave up on an exception";
  return fmt::format("ended with status {}", info.si_status);
}

/// Waits for the end of `process`; false where this process ignores the end of children: then the
/// system keeps no status.
bool wait_for(pid_t process, int options, siginfo_t& info) {
  while (waitid(P_PID, static_cast<id_t>(process), &info, WEXITED | options) != 0) {
    if (errno != EINTR) return false;
  }
  return true;
}

[[noreturn]] void report(int worker, const std::string& how) {
  throw std::runtime_error(fmt::format("worker process {} {}", worker, how));
}

}  // namespace

void remove_traces_of_openmp([[maybe_unused]] pid_t process) {
#ifdef KMP_VERSION_MAJOR
  char object[64];
  *fmt::format_to_n(object, sizeof object - 1, "/__KMP_REGISTERED_LIB_{}_{}", process, getuid())
       .out = '\0';
  shm_unlink(object);
#endif
}

void add_cuda_context(Observation& seen, const SystemRoot& root) {
  if (const std::optional<bool> holds = holds_cuda_context(root)) {
    seen.values.emplace_back(kCudaContextColumn.name, *holds ? 1 : 0);
  }
}

Child::Child(int worker, const Placement& placement, const std::function<void()>& work,
             std::span<const int> files)
    : worker_(worker) {
  const pid_t parent = getpid();
  // Before the fork: there is no moment at which the child is not deaf.
  const BlockedSignals outside(signals_from_outside());
  const pid_t child = fork();
  if (child == 0) live(parent, worker, placement, work, files);
  const int error = errno;
  if (child < 0) refused(fmt::format("process {}", worker), error);
  pid_ = child;
}

Child::Child(Child&& other) noexcept : worker_(other.worker_), pid_(std::exchange(other.pid_, 0)) {}

Child::~Child() {
  if (pid_ == 0) return;
  kill();
  while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
  forget();
}

void Child::kill() const {
  if (pid_ != 0) ::kill(pid_, SIGKILL);
}

void Child::await_end() const {
  siginfo_t info{};
  wait_for(pid_, WNOWAIT, info);
}

void Child::forget() {
  // One that was killed may not have come to it.
  remove_traces_of_openmp(std::exchange(pid_, 0));
}

void Child::check() {
  if (pid_ == 0) report(worker_, "has ended");
  siginfo_t info{};
  const bool known = wait_for(pid_, WNOHANG, info);
  if (known && info.si_pid == 0) return;
  forget();
  report(worker_, known ? ending(info) : "has ended");
}

void Child::join() {
  siginfo_t info{};
  const bool known = wait_for(pid_, 0, info);
  if (known && info.si_code == CLD_EXITED && info.si_status == 0) {
    pid_ = 0;  // and it has removed its traces itself
    return;
  }
  forget();
  if (known) report(worker_, ending(info));
}

std::vector<pid_t> pids(const std::vector<Child>& children) {
  std::vector<pid_t> all;
  for (const Child& child : children) all.push_back(child.pid());
  return all;
}

}  // namespace crossover::cpu
