#include "cpu/costs/switch/switch.hpp"

#include <signal.h>  // NOLINT: kill is POSIX
#include <sys/prctl.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <system_error>

#include "cpu/process/child.hpp"

namespace crossover::cpu {

namespace {

constexpr std::string_view kOneCore = "-1-core";
constexpr std::string_view kTwoCores = "-2-cores";

template <class Peer>
std::unique_ptr<Operation> make_switch(const Configuration& configuration,
                                       const Placement& placement) {
  const std::string_view variant = configuration.variant;
  try {
    if (variant.starts_with("futex-")) {
      return std::make_unique<SwitchOperation<Futexes, Peer>>(configuration, placement);
    }
    if (variant.starts_with("condition-variable-")) {
      return std::make_unique<SwitchOperation<ConditionVariables, Peer>>(configuration, placement);
    }
    if (variant.starts_with("pipe-")) {
      return std::make_unique<SwitchOperation<Pipes, Peer>>(configuration, placement);
    }
  } catch (const std::system_error& error) {
    throw Unavailable(error.what());
  }
  throw std::invalid_argument("switch has no variant '" + configuration.variant + "'");
}

}  // namespace

Placement place_pair(const Placement& placement, std::string_view variant) {
  const std::vector<int>& cpus = placement.cpus.empty() ? placement.allowed : placement.cpus;
  const int first = cpus.front();
  if (variant.ends_with(kOneCore)) return {{first, first}, placement.allowed, false};
  if (!variant.ends_with(kTwoCores)) {
    throw std::invalid_argument("switch has no variant '" + std::string(variant) + "'");
  }
  const auto second = std::find_if(cpus.begin(), cpus.end(), [=](int cpu) { return cpu != first; });
  if (second == cpus.end()) throw Unavailable("there is no second CPU");
  return {{first, *second}, placement.allowed, false};
}

ThreadPeer::ThreadPeer(const Placement& pair, std::function<void()> body,
                       std::function<void()> on_death) {
  try {
    thread_ = std::thread([this, &pair, body = std::move(body), on_death = std::move(on_death)] {
      pid_t task = gettid();
      try {
        bind_worker(pair, 1);
      } catch (const std::runtime_error&) {
        task = -1;
      }
      task_.store(task);
      task_.notify_one();
      if (task < 0) return;
      body();
      on_death();
    });
  } catch (const std::system_error& error) {
    throw Unavailable(fmt::format("the system refused a thread: {}", error.code().message()));
  }
  task_.wait(0);
  if (task_ < 0) {
    thread_.join();
    throw Unavailable("the peer could not be bound to its CPU");
  }
}

ProcessPeer::ProcessPeer(const Placement& pair, std::function<void()> body,
                         std::function<void()> on_death) {
  const pid_t parent = getpid();
  process_ = fork();
  if (process_ < 0) {
    throw Unavailable(fmt::format("the system refused a process: {}", std::strerror(errno)));
  }
  if (process_ == 0) {
    // The parent may have died before this was set.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    remove_traces_of_openmp(getpid());
    if (getppid() != parent) _exit(0);
    try {
      bind_worker(pair, 1);
    } catch (const std::runtime_error&) {
      _exit(1);
    }
    body();
    _exit(0);
  }
  try {
    watcher_ = std::thread([this, on_death = std::move(on_death)] {
      siginfo_t info{};
      // First without reaping: until then nobody else gets the number that ~ProcessPeer kills.
      while (waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WNOWAIT) < 0 &&
             errno == EINTR) {
      }
      {
        const std::lock_guard lock(mutex_);
        ended_ = true;
        waitpid(process_, &status_, 0);
        remove_traces_of_openmp(process_);
      }
      on_death();
    });
  } catch (const std::system_error& error) {
    kill(process_, SIGKILL);
    waitpid(process_, nullptr, 0);
    throw Unavailable(fmt::format("the system refused a thread: {}", error.code().message()));
  }
}

ProcessPeer::~ProcessPeer() {
  {
    const std::lock_guard lock(mutex_);
    if (!ended_) kill(process_, SIGKILL);  // it has nothing to put away
  }
  watcher_.join();
}

std::string ProcessPeer::end() const {
  const std::lock_guard lock(mutex_);
  if (WIFSIGNALED(status_)) {
    return fmt::format("the peer process was ended by signal {}", WTERMSIG(status_));
  }
  return fmt::format("the peer process ended with status {}", WEXITSTATUS(status_));
}

std::vector<Variant> switch_variants() {
  std::vector<Variant> all;
  for (const char* channel : {"futex", "condition-variable", "pipe"}) {
    for (const std::string_view cores : {kOneCore, kTwoCores}) {
      all.push_back({fmt::format("{}{}", channel, cores)});
    }
  }
  return all;
}

std::unique_ptr<Operation> make_thread_switch(const Configuration& configuration,
                                              const Placement& placement) {
  return make_switch<ThreadPeer>(configuration, placement);
}

std::unique_ptr<Operation> make_process_switch(const Configuration& configuration,
                                               const Placement& placement) {
  return make_switch<ProcessPeer>(configuration, placement);
}

}  // namespace crossover::cpu
