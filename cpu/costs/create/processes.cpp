#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/descriptor.hpp"
#include "common/plural.hpp"
#include "common/system_file.hpp"
#include "common/tasks.hpp"
#include "cpu/costs/create/create.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/child.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/shared.hpp"

namespace crossover::cpu {

namespace {

/// The mean memory of `processes`, where the system tells it.
std::optional<double> bytes_of(std::span<const int> processes) {
  if (processes.empty()) return std::nullopt;
  double sum = 0;
  for (const int process : processes) {
    const auto bytes = proportional_set_size(std::to_string(process));
    if (!bytes) return std::nullopt;
    sum += static_cast<double>(*bytes);
  }
  return sum / static_cast<double>(processes.size());
}

/// The memory of a process that is about to sleep for good, and has a tenth of a second to get
/// there.
std::optional<double> bytes_asleep(int process) {
  for (int i = 0; i < 100; ++i) {
    const auto stat = read_text("/proc/" + std::to_string(process) + "/stat").value_or("");
    // ID (NAME) STATE
    const auto name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat.substr(name_end).starts_with(") S")) break;
    usleep(1000);
  }
  return bytes_of(std::span(&process, 1));
}

/// A worker that does not end well is an exception; those that do are counted.
class ProcessCreate : public Create {
 public:
  explicit ProcessCreate(const Configuration& configuration)
      : Create(configuration, TaskKind::process) {}

  void renew(std::uint32_t salt) override {
    CountedOperation::renew(salt);
    came_ = 0;
  }

  Verdict verify() override {
    const std::uint64_t asked = operations_ * rounds_ * workers_;
    if (came_ == asked) return {0, true, {}};
    return {1, false, fmt::format("{} came instead of {}", counted(came_, "worker"), asked)};
  }

 protected:
  std::uint64_t came_ = 0;
};

/// They are made within the clock.
class MadeAnew : public ProcessCreate {
 public:
  using ProcessCreate::ProcessCreate;

  Observation observe() override {
    Observation seen = ProcessCreate::observe();
    add_cuda_context(seen);
    return seen;
  }
};

class Forks final : public MadeAnew {
 public:
  Forks(const Configuration& configuration, const Placement& placement)
      : MadeAnew(configuration),
        binding_(placement, CallerBinding::To::all),
        anywhere_{{}, placement.allowed, false} {
    children_.reserve(workers_);
    const std::function<void()> idle = [] {
      for (;;) ::pause();
    };
    const Child child(0, anywhere_, idle);
    worker_bytes_ = bytes_asleep(child.pid());
  }

 private:
  void come() override {
    children_.clear();
    for (std::uint64_t worker = 0; worker < workers_; ++worker) {
      children_.emplace_back(static_cast<int>(worker), anywhere_, [] {});
    }
    for (Child& child : children_) child.join();
    came_ += workers_;
  }

  CallerBinding binding_;
  Placement anywhere_;
  std::vector<Child> children_;
};

/// A program that has been started, until it has ended.
class Program {
 public:
  /// With `input` as its standard input, if that is not -1. Throws Unavailable.
  explicit Program(const char* path, int input = -1) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    std::array<char*, 2> arguments{const_cast<char*>(path), nullptr};
    const int error = posix_spawn(&process_, path, &actions, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0) refused(path, error);
  }
  Program(Program&& other) noexcept : process_(std::exchange(other.process_, 0)) {}
  Program& operator=(Program&&) = delete;
  ~Program() {
    if (process_ != 0) wait();
  }
  int process() const { return process_; }
  /// Whether it has ended well.
  bool wait() {
    int status = 0;
    const pid_t process = std::exchange(process_, 0);
    while (waitpid(process, &status, 0) < 0) {
      if (errno != EINTR) return errno == ECHILD;  // no status is kept
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }

 private:
  pid_t process_ = 0;
};

class Programs final : public MadeAnew {
 public:
  Programs(const Configuration& configuration, const Placement& placement)
      : MadeAnew(configuration), binding_(placement, CallerBinding::To::all) {
    running_.reserve(workers_);
    // An idle one: as small, and waits for input that never comes.
    int files[2];
    if (pipe2(files, O_CLOEXEC) != 0) throw Unavailable(std::strerror(errno));
    const Descriptor input(files[0]);
    Descriptor end(files[1]);
    const Program idle("/bin/cat", input.get());
    const Descriptor closed_first = std::move(end);
    worker_bytes_ = bytes_asleep(idle.process());
  }

 private:
  void come() override {
    running_.clear();
    while (running_.size() < workers_) running_.emplace_back("/bin/true");
    for (Program& program : running_) came_ += program.wait() ? 1 : 0;
  }

  CallerBinding binding_;
  std::vector<Program> running_;
};

class PoolDispatch final : public ProcessCreate {
 public:
  PoolDispatch(const Configuration& configuration, const Placement& placement)
      : ProcessCreate(configuration), times_(workers_), pool_(configuration.workers, placement) {
    come();
    worker_bytes_ = bytes_of(pool_.processes());
  }

  std::vector<int> processes() const override { return pool_.processes(); }

 private:
  // A worker writes its own only: no two share a line.
  struct alignas(kLinePair) Times {
    std::uint64_t came = 0;
  };

  void come() override {
    pool_.run([this](int worker) { ++times_.all()[static_cast<std::size_t>(worker)].came; });
    ++asked_;
    for (const Times& times : times_.all()) came_ += times.came == asked_ ? 1 : 0;
  }

  InSharedMemory<Times> times_;  // by worker
  std::uint64_t asked_ = 0;      // since the workers were made
  ProcessPool pool_;
};

}  // namespace

std::vector<Offer> process_create_offers() {
  const Workload& create = costs::create();
  return {cost_offer<Forks>(create, {"fork"}, crew_bytes),
          cost_offer<Programs>(create, {"posix-spawn"}, crew_bytes),
          cost_offer<PoolDispatch>(create, {.name = "shm", .within_threads = true}, crew_bytes)};
}

}  // namespace crossover::cpu
