// What processes have besides what cpu/models_test.cpp asks of every model: they die, and they must
// leave nothing behind.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/system_file.hpp"
#include "common/tasks.hpp"
#include "common/topology.hpp"
#include "cpu/models.hpp"
#include "cpu/process/child.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;
/// Only ends what would hang.
constexpr std::chrono::minutes kLong{2};

/// `body(process)` for each child of this process as it is found, the youngest first, dead ones
/// that nobody has waited for included.
template <class Body>
void each_child(Body&& body) {
  std::vector<int> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    if (const auto process = to_number<int>(entry.path().filename().string())) {
      all.push_back(*process);
    }
  }
  std::sort(all.begin(), all.end(), std::greater<>());
  for (const int process : all) {
    const auto status = read_text(fmt::format("/proc/{}/status", process)).value_or("");
    if (to_number<int>(value_of(status, "PPid").value_or("")) == getpid()) body(process);
  }
}

std::vector<int> children() {
  std::vector<int> found;
  each_child([&](int child) { found.push_back(child); });
  return found;
}

std::ptrdiff_t entries(const char* folder) {
  std::error_code error;
  const std::filesystem::directory_iterator all(folder, error);
  return error ? 0 : std::distance(begin(all), end(all));
}

/// Of this program's things in a folder that others use as well.
std::ptrdiff_t named(const char* folder) {
  std::error_code error;
  const std::filesystem::directory_iterator all(folder, error);
  if (error) return 0;
  return std::count_if(begin(all), end(all), [](const auto& entry) {
    return entry.path().filename().string().find("crossover") != std::string::npos;
  });
}

/// What a run could leave behind.
struct Traces {
  std::size_t processes = children().size();
  std::ptrdiff_t files = entries("/proc/self/fd");
  std::ptrdiff_t shared_memory = named("/dev/shm");
  std::ptrdiff_t queues = named("/dev/mqueue");
  std::ptrdiff_t temporary = entries(std::filesystem::temp_directory_path().c_str());
  bool operator==(const Traces&) const = default;
};

class Processes : public testing::TestWithParam<const char*> {
 protected:
  // Others use the common folder for temporary files as well.
  Processes() {
    std::filesystem::create_directory(folder_);
    setenv("TMPDIR", folder_.c_str(), 1);
  }
  ~Processes() override {
    unsetenv("TMPDIR");
    std::filesystem::remove(folder_);
  }

  std::unique_ptr<Operation> prepare(std::uint64_t elements = 100'000, int workers = 3,
                                     const char* workload = "double", Pin pin = Pin::cores) const {
    const Configuration what{
        find_workload(workload), ElementType::f32, "processes", GetParam(),
        Scope::resident,         elements,         workers,     Devices::cpus()};
    return model_->prepare(what, topology_.place(workers, pin));
  }
  bool forks_each_time() const { return std::string(GetParam()) == "spawn"; }
  bool has_channels() const {
    return testing::Matches(testing::AnyOf("pipe", "socket", "queue"))(std::string(GetParam()));
  }

  std::string folder_ = testing::TempDir() + "crossover-" + std::to_string(getpid());
  Topology topology_ = detect_topology();
  std::unique_ptr<Model> model_ = make_processes();
};

/// With the variants that have workers between two operations.
class Crews : public Processes {};

std::string variant_name(const testing::TestParamInfo<const char*>& variant) {
  std::string name(variant.param);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Variants, Processes,
                         testing::Values("shm", "mapped-file", "file", "spawn", "pipe", "socket",
                                         "queue"),
                         variant_name);
INSTANTIATE_TEST_SUITE_P(Variants, Crews,
                         testing::Values("shm", "mapped-file", "file", "pipe", "socket", "queue"),
                         variant_name);

/// What the operation throws when it is run, or "".
std::string reason(Operation& operation, std::int64_t operations = 1) {
  try {
    operation.time(operations);
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

TEST_P(Processes, LeaveNothingBehind) {
  prepare();  // files that libraries open once
  const Traces before;
  for (int i = 0; i < 40; ++i) {
    const auto operation = prepare();
    operation->renew(1);
    operation->time(2);
    ASSERT_TRUE(operation->verify().correct);
  }
  EXPECT_TRUE(Traces() == before);
}

TEST_P(Processes, TellOfACudaContextWhereTheyForkWithinTheClock) {
  const auto operation = prepare();
  operation->renew(1);
  operation->time(1);
  std::vector<std::pair<std::string_view, double>> right;
  if (forks_each_time()) right = {{"cuda_context", 0}};
  EXPECT_EQ(operation->observe().values, right);
}

TEST_P(Crews, LeaveNoTraceOfOpenMp) {
  {
    const auto openmp = make_openmp();
    const Configuration what{
        find_workload("double"), ElementType::f32, "openmp", "static", Scope::resident, 1000, 2,
        Devices::cpus()};
    openmp->prepare(what, topology_.place(2, Pin::cores))->time(1);
  }
  const auto operation = prepare();
  operation->renew(1);
  operation->time(1);    // each worker lives
  std::error_code none;  // where there is no such folder, there is nothing in it
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm", none)) {
    for (const int worker : operation->processes()) {
      EXPECT_THAT(entry.path().filename().string(),
                  testing::Not(testing::HasSubstr("_" + std::to_string(worker) + "_")));
    }
  }
}

TEST_P(Processes, HaveNoNameWhileTheyWork) {
  const Traces before;
  const auto operation = prepare();
  operation->renew(1);
  const Traces during;
  EXPECT_EQ(during.shared_memory, before.shared_memory);
  EXPECT_EQ(during.queues, before.queues);
  EXPECT_EQ(during.temporary, before.temporary);
}

TEST_P(Crews, SayThatAWorkerWasKilledAndGoOn) {
  const Traces before;
  {
    const auto operation = prepare();
    operation->renew(1);
    operation->time(1);
    const auto workers = operation->processes();
    ASSERT_EQ(workers.size(), has_channels() ? 3U : 2U);
    kill(workers.back(), SIGKILL);
    EXPECT_EQ(reason(*operation), "worker process 2 was killed by signal 9 (Killed)");
  }
  EXPECT_TRUE(Traces() == before);
  const auto next = prepare();
  next->renew(1);
  next->time(1);
  EXPECT_TRUE(next->verify().correct);
}

TEST_P(Processes, SayThatAWorkerWasKilledAtWork) {
  const Traces before;
  {
    const auto operation = prepare(1 << 22, 2, "reduce");
    operation->renew(1);
    // Again and again: those that are forked for every operation may be between two, and have soon
    // ended: the youngest is looked for first.
    std::atomic<bool> noticed{false};
    std::thread killer([&] {
      while (!noticed) {
        std::this_thread::sleep_for(milliseconds(20));
        each_child([](int child) { kill(child, SIGKILL); });
      }
    });
    const std::string how = reason(*operation, 1'000'000);
    noticed = true;
    killer.join();
    EXPECT_THAT(how, testing::MatchesRegex("worker process [01] was killed by signal 9.*"));
  }
  EXPECT_TRUE(Traces() == before);
}

TEST_P(Crews, AreDeafToWhatATerminalSendsToAll) {
  const auto operation = prepare();
  for (const int worker : operation->processes()) {
    for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP}) kill(worker, signal);
  }
  operation->renew(1);
  EXPECT_EQ(reason(*operation), "");
  EXPECT_TRUE(operation->verify().correct);
}

TEST_P(Crews, DieWithTheThreadThatMadeThem) {
  std::unique_ptr<Operation> operation;
  std::thread([&] {
    operation = prepare();
    operation->renew(1);
    operation->time(1);  // all workers live by now
  }).join();
  for (const int worker : operation->processes()) {
    siginfo_t info{};
    ASSERT_EQ(waitid(P_PID, static_cast<id_t>(worker), &info, WEXITED | WNOWAIT), 0);
  }
  std::string how;
  try {
    operation->renew(1);  // a channel's caller fills the memory alone
    how = reason(*operation);
  } catch (const std::exception& error) {
    how = error.what();
  }
  EXPECT_THAT(how, testing::HasSubstr("was killed by signal 9"));
}

TEST_P(Crews, DieWithTheirParent) {
  // Whoever makes workers dies, and the workers come to the nearest subreaper: this process.
  ASSERT_EQ(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
  int channel[2];
  ASSERT_EQ(pipe(channel), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto operation = prepare();
    operation->renew(1);
    operation->time(1);
    const auto workers = operation->processes();
    if (write(channel[1], workers.data(), sizeof(int)) < 0) _exit(1);
    for (;;) pause();
  }
  int worker = 0;
  ASSERT_EQ(read(channel[0], &worker, sizeof worker), static_cast<ssize_t>(sizeof worker));
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  remove_traces_of_openmp(parent);
  int left = has_channels() ? 3 : 2;
  for (const auto end = steady_clock::now() + kLong; left > 0 && steady_clock::now() < end;) {
    if (waitpid(-1, nullptr, WNOHANG) > 0) --left;
  }
  EXPECT_EQ(left, 0) << "workers outlive their parent";
  EXPECT_NE(kill(worker, 0), 0);
  close(channel[0]);
  close(channel[1]);
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

TEST_P(Crews, SleepWhenTheyAreNotUsed) {
  const auto operation = prepare(1000, 2);
  operation->renew(1);
  operation->time(10);
  std::this_thread::sleep_for(milliseconds(200));  // longer than any spinning
  const int worker = operation->processes().front();
  const double before = process_usage(worker)->cpu_s;
  std::this_thread::sleep_for(milliseconds(300));
  EXPECT_LT(process_usage(worker)->cpu_s - before, 0.03);
  operation->time(10);
  EXPECT_TRUE(operation->verify().correct) << "and wake up again";
}

TEST_P(Crews, RunWhereTheyArePut) {
  if (topology_.threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const Placement placement = topology_.place(2, Pin::cores);
  const auto operation = prepare(1000, 2);
  operation->renew(1);
  operation->time(1);
  const auto workers = operation->processes();
  for (std::size_t i = 0; i < workers.size(); ++i) {
    cpu_set_t set;
    ASSERT_EQ(sched_getaffinity(workers[i], sizeof set, &set), 0);
    const int cpu = placement.cpus[i + (has_channels() ? 0 : 1)];
    EXPECT_EQ(CPU_COUNT(&set), 1);
    EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(cpu), &set)) << "worker " << i;
  }
}

TEST_P(Processes, SurviveManyPausesAndRestarts) {
  for (int i = 0; i < 20; ++i) {
    const auto operation = prepare(300, 3, "reduce", i % 2 == 0 ? Pin::cores : Pin::none);
    operation->renew(1);
    for (int k = 0; k < 10; ++k) operation->time(3);
    ASSERT_TRUE(operation->verify().correct);
  }
}

TEST_P(Processes, WorkWhereTheEndOfChildrenIsIgnored) {
  // So a parent may have left it, and then the system keeps no status of those that end.
  std::signal(SIGCHLD, SIG_IGN);
  {
    const auto operation = prepare();
    operation->renew(1);
    EXPECT_EQ(reason(*operation), "");
    EXPECT_TRUE(operation->verify().correct);
    if (!forks_each_time()) {
      kill(operation->processes().back(), SIGKILL);
      EXPECT_THAT(reason(*operation), testing::HasSubstr("worker process 2"));
    }
  }
  std::signal(SIGCHLD, SIG_DFL);
}

/// Lowers a resource limit while it lives.
class Limit {
 public:
  Limit(__rlimit_resource_t resource, rlim_t value) : resource_(resource) {
    getrlimit(resource_, &before_);
    const rlimit lower{value, before_.rlim_max};
    setrlimit(resource_, &lower);
  }
  ~Limit() { setrlimit(resource_, &before_); }

 private:
  __rlimit_resource_t resource_;
  rlimit before_{};
};

TEST_P(Processes, AreUnavailableAtALimitOfTheSystem) {
  std::signal(SIGXFSZ, SIG_IGN);
  prepare(1 << 22);  // without limits there is room
  const int free_descriptor = dup(STDERR_FILENO);
  close(free_descriptor);
  const Traces before;
  {
    const Limit queues(RLIMIT_MSGQUEUE, 10'000);
    const Limit file_size(RLIMIT_FSIZE, 1 << 20);
    const Limit files(RLIMIT_NOFILE, static_cast<rlim_t>(free_descriptor) + 1);
    try {
      prepare(1 << 22);
      ADD_FAILURE() << "no limit was reached";
    } catch (const Unavailable& error) {
      EXPECT_THAT(error.what(), testing::AnyOf(testing::HasSubstr("system refused"),
                                               testing::HasSubstr("(ulimit -q)")));
    }
  }
  EXPECT_TRUE(Traces() == before);
}

class ProcessCosts : public testing::TestWithParam<std::pair<const char*, const char*>> {
 protected:
  std::unique_ptr<Operation> prepare() const {
    const auto [workload, variant] = GetParam();
    const Workload* const entry = find_workload(workload);
    const Configuration what{entry,   entry->types.front(), "processes",
                             variant, Scope::resident,      200'000,
                             2,       Devices::cpus()};
    return model_->prepare(what, detect_topology().place(2, Pin::cores));
  }
  std::unique_ptr<Model> model_ = make_processes();
};

INSTANTIATE_TEST_SUITE_P(Pools, ProcessCosts,
                         testing::Values(std::pair{"count", "mutex"}, std::pair{"count", "atomic"},
                                         std::pair{"create", "shm"}));

TEST_P(ProcessCosts, SayThatAWorkerWasKilledAtWork) {
  const auto before = children().size();
  {
    const auto operation = prepare();
    operation->renew(1);
    EXPECT_EQ(reason(*operation), "");
    EXPECT_TRUE(operation->verify().correct);
    const int worker = operation->processes().front();
    std::thread killer([worker] {
      std::this_thread::sleep_for(milliseconds(30));
      kill(worker, SIGKILL);
    });
    EXPECT_THAT(reason(*operation, 1'000'000), testing::HasSubstr("worker process 1 was killed"));
    killer.join();
  }
  EXPECT_EQ(children().size(), before);
}

TEST(SharedMemory, LiesOnHugePagesWhereTheSystemHasThem) {
  if (SharedMemory::pages() != "huge pages, by MADV_COLLAPSE") GTEST_SKIP();
  const std::size_t bytes = std::size_t{8} << 20;
  const SharedMemory memory(bytes);
  memory.first_touch(0, bytes / 2 + 1);  // the page in the middle begins in this part
  memory.first_touch(bytes / 2 + 1, bytes / 2 - 1);
  const auto maps = read_text("/proc/self/smaps").value_or("");
  EXPECT_THAT(maps, testing::HasSubstr("ShmemPmdMapped:     8192 kB"));
  for (std::size_t at = 0; at < bytes; at += 4096) {
    ASSERT_EQ(static_cast<const char*>(memory.data())[at], 0);
  }
}

}  // namespace
}  // namespace crossover::cpu
