#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/mman.h>
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
std::optional<MemoryUse> memory_of(std::span<const int> processes) {
  if (processes.empty()) return std::nullopt;
  const auto share = 1 / static_cast<double>(processes.size());
  MemoryUse mean;
  for (const int process : processes) {
    const auto one = memory_use(std::to_string(process));
    if (!one) return std::nullopt;
    mean.proportional += share * one->proportional;
    mean.resident += share * one->resident;
    mean.reserved += share * one->reserved;
  }
  return mean;
}

/// The memory of a process that is about to sleep for good; nothing where it does not get there in
/// two seconds.
std::optional<MemoryUse> memory_asleep(int process) {
  for (int i = 0; i < 2000; ++i) {
    const auto stat = read_text("/proc/" + std::to_string(process) + "/stat").value_or("");
    // ID (NAME) STATE
    const auto name_end = stat.rfind(')');
    if (name_end != std::string::npos && stat.substr(name_end).starts_with(") S")) {
      return memory_of(std::span(&process, 1));
    }
    usleep(1000);
  }
  return std::nullopt;
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

/// Pages of memory that a child gets with everything else, and has copied one by one as it writes
/// to them. Small ones: a huge one is copied whole.
class Inherited {
 public:
  explicit Inherited(std::size_t bytes) : bytes_(bytes) {
    if (bytes_ == 0) return;
    void* const memory =
        mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) refused("memory", errno);
    madvise(memory, bytes_, MADV_NOHUGEPAGE);
    memory_ = static_cast<char*>(memory);
    write(kParents);
  }
  Inherited(const Inherited&) = delete;
  Inherited& operator=(const Inherited&) = delete;
  ~Inherited() {
    if (bytes_ > 0) munmap(memory_, bytes_);
  }

  static constexpr char kParents = 1;
  static constexpr char kChilds = 2;

  std::size_t bytes() const { return bytes_; }
  /// A byte of each page.
  void write(char value) {
    volatile char* const memory = memory_;  // nobody in this process may read it
    for (std::size_t at = 0; at < bytes_; at += page()) memory[at] = value;
  }
  std::size_t pages_that_are_not(char value) const {
    std::size_t count = 0;
    for (std::size_t at = 0; at < bytes_; at += page()) count += memory_[at] == value ? 0 : 1;
    return count;
  }

 private:
  static std::size_t page() {
    static const auto size = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    return size;
  }

  std::size_t bytes_;
  char* memory_ = nullptr;
};

/// Children that write to `kBytes` of their parent's memory and end.
template <std::size_t kBytes>
class Forks final : public MadeAnew {
 public:
  Forks(const Configuration& configuration, const Placement& placement)
      : MadeAnew(configuration),
        binding_(placement, CallerBinding::To::all),
        anywhere_{{}, placement.allowed, false},
        inherited_(kBytes) {
    children_.reserve(workers_);
    const std::function<void()> idle = [this] {
      inherited_.write(Inherited::kChilds);
      for (;;) ::pause();
    };
    const Child child(0, anywhere_, idle);
    memory_ = memory_asleep(child.pid());
  }

  /// What a child writes is its own: the parent's stays as it was.
  Verdict verify() override {
    if (const std::size_t lost = inherited_.pages_that_are_not(Inherited::kParents); lost > 0) {
      return {1, false, fmt::format("children wrote to {} of their parent", counted(lost, "page"))};
    }
    return MadeAnew::verify();
  }

  Observation observe() override {
    Observation seen = MadeAnew::observe();
    if (kBytes > 0) seen.values.emplace_back(kMemoryColumns[3].name, static_cast<double>(kBytes));
    return seen;
  }

 private:
  void come() override {
    children_.clear();
    for (std::uint64_t worker = 0; worker < workers_; ++worker) {
      children_.emplace_back(static_cast<int>(worker), anywhere_,
                             [this] { inherited_.write(Inherited::kChilds); });
    }
    for (Child& child : children_) child.join();
    came_ += workers_;
  }

  CallerBinding binding_;
  Placement anywhere_;
  Inherited inherited_;
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
    memory_ = memory_asleep(idle.process());
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
    memory_ = memory_of(pool_.processes());
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
  constexpr std::size_t kWritten = std::size_t{4} << 20;
  const Workload& create = costs::create();
  return {cost_offer<Forks<0>>(create, {"fork"}, crew_bytes),
          cost_offer<Forks<kWritten>>(
              create, {.name = "fork-write", .role = Variant::Role::step, .within_threads = true},
              [](const Configuration& configuration) {
                return crew_bytes(configuration) +
                       (static_cast<std::uint64_t>(configuration.workers) + 1) * kWritten;
              }),
          cost_offer<Programs>(create, {"posix-spawn"}, crew_bytes),
          cost_offer<PoolDispatch>(create, {.name = "shm", .within_threads = true}, crew_bytes)};
}

}  // namespace crossover::cpu
