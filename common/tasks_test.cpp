#include "common/tasks.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>
#include <thread>

#include "common/fake_root.hpp"
#include "common/model.hpp"

namespace crossover {
namespace {

class Tasks : public testing::Test {
 protected:
  std::optional<TaskRoom> room(TaskKind kind = TaskKind::process) const {
    return room_for_tasks(kind, fake.root());
  }
  void expect(std::uint64_t tasks, std::string_view limit, TaskKind kind = TaskKind::process) {
    const auto found = room(kind);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->tasks, tasks);
    EXPECT_EQ(found->limit, limit);
  }

  FakeRoot fake;
};

TEST_F(Tasks, HaveRoomWhereNoLimitIsTold) {
  EXPECT_FALSE(room());
  EXPECT_NO_THROW(require_room_for_tasks(TaskKind::process, 1'000'000, fake.root()));
}

TEST_F(Tasks, AreLimitedByTheKernelLessWhatThereIs) {
  fake.write("proc/loadavg", "0.00 0.01 0.05 2/300 6789\n");
  fake.write("proc/sys/kernel/threads-max", "100000\n");
  expect(100000 - 300 - kTaskMargin, "kernel.threads-max");
  fake.write("proc/sys/kernel/pid_max", "32768\n");
  expect(32768 - 300 - kTaskMargin, "kernel.pid_max");
  fake.write("proc/sys/kernel/pid_max", "310\n");
  expect(0, "kernel.pid_max");
}

TEST_F(Tasks, AreLimitedByTheTightestControlGroup) {
  fake.write("proc/self/mountinfo",
             "25 22 0:22 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw\n");
  fake.write("proc/self/cgroup", "0::/a/b\n");
  fake.write("sys/fs/cgroup/a/b/pids.max", "max\n");
  EXPECT_FALSE(room());
  fake.write("sys/fs/cgroup/a/pids.max", "1000\n");
  fake.write("sys/fs/cgroup/a/pids.current", "600\n");
  expect(400 - kTaskMargin, "pids.max of the control group");
}

TEST_F(Tasks, ThatAreThreadsNeedTwoMappingsEach) {
  fake.write("proc/sys/vm/max_map_count", "1000\n");
  fake.write("proc/self/maps", "a\nb\nc\nd\n");
  EXPECT_FALSE(room(TaskKind::process));
  expect(500 - 2 - kTaskMargin, "vm.max_map_count", TaskKind::thread);
}

TEST_F(Tasks, OfTheUserCountUnlessItIsRoot) {
  fake.write("proc/self/limits",
             "Limit  Soft Limit  Hard Limit  Units\nMax processes   500   600   processes\n");
  fake.write("proc/self/status", "Uid:\t7\t7\t7\t7\n");
  fake.write("proc/1/status", "Uid:\t0\t0\t0\t0\nThreads:\t100\n");
  fake.write("proc/20/status", "Uid:\t7\t7\t7\t7\nThreads:\t30\n");
  fake.write("proc/21/status", "Uid:\t7\t7\t7\t7\nThreads:\t1\n");
  if (geteuid() == 0) {
    EXPECT_FALSE(room());
  } else {
    expect(500 - 31 - kTaskMargin, "RLIMIT_NPROC");
  }
}

TEST_F(Tasks, ThatDoNotFitAreRefusedWithTheReason) {
  fake.write("proc/loadavg", "0.00 0.01 0.05 2/300 6789\n");
  fake.write("proc/sys/kernel/threads-max", "1000\n");
  EXPECT_NO_THROW(require_room_for_tasks(TaskKind::thread, 600, fake.root()));
  try {
    require_room_for_tasks(TaskKind::thread, 700, fake.root());
    FAIL() << "700 fitted";
  } catch (const Unavailable& reason) {
    EXPECT_STREQ(reason.what(), "700 threads are more than the 636 that kernel.threads-max leaves");
  }
}

TEST_F(Tasks, OfThisMachineHaveRoomForAFew) {
  for (const TaskKind kind : {TaskKind::thread, TaskKind::process}) {
    const auto found = room_for_tasks(kind);
    if (!found) continue;
    EXPECT_GT(found->tasks, 0U) << found->limit;
  }
}

TEST(ProcessMemory, GrowsWithWhatIsReservedAndWithWhatIsTouched) {
  const auto before = memory_use();
  if (!before) GTEST_SKIP() << "the kernel does not tell it";
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  void* const memory =
      mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 1, kBytes / 2);
  const auto after = memory_use();
  munmap(memory, kBytes);
  ASSERT_TRUE(after);
  // AddressSanitizer's shadow of it takes an eighth more.
  EXPECT_NEAR(after->proportional - before->proportional, kBytes / 2.0, kBytes / 10.0);
  EXPECT_NEAR(after->resident - before->resident, kBytes / 2.0, kBytes / 10.0);
  EXPECT_NEAR(after->reserved - before->reserved, kBytes, kBytes / 10.0);
}

TEST(ProcessMemory, IsUnknownForAProcessThatIsNotThere) { EXPECT_FALSE(memory_use("0")); }

TEST(ContextSwitchCount, GrowsWhenATaskWaits) {
  const ContextSwitches before = context_switches(gettid());
  for (int i = 0; i < 20; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(3));
  const ContextSwitches seen = context_switches(gettid()) - before;
  EXPECT_GE(seen.voluntary, 15U);  // a sleep that is over before it begins is none
  EXPECT_LT(seen.voluntary, 100U);
  EXPECT_EQ(context_switches(0).voluntary, 0U);
}

TEST(CudaContext, IsSeenByTheDevicesThatAreMapped) {
  const auto with = [](std::string_view line) {
    const FakeRoot fake;
    fake.write("proc/self/maps", fmt::format("7f1a00000000-7f1a00021000 rw-p 00000000 00:00 0 \n"
                                             "{}\n"
                                             "7ffd1c5e0000-7ffd1c601000 rw-p 00000000 00:00 0"
                                             "                          [stack]\n",
                                             line));
    return holds_cuda_context(fake.root());
  };
  EXPECT_EQ(with("200000000-200200000 rw-s 00000000 00:06 451          /dev/nvidiactl"), true);
  EXPECT_EQ(with("7f2e80200000-7f2e80a00000 rw-s 96000000 00:06 1076   /dev/nvidia0"), true);
  // What is linked, or lies in a folder of that name, is no context.
  EXPECT_EQ(with("7f0c9b000000-7f0c9b200000 r--p 00000000 08:01 12  /usr/lib/libcuda.so.1"), false);
  EXPECT_EQ(with("7f0c9b000000-7f0c9b200000 r--p 00000000 08:01 12  /home/dev/nvidia/x"), false);
  EXPECT_EQ(with("7f0c9b000000-7f0c9b200000 rw-s 00000000 00:01 12  /dev/zero (deleted)"), false);
  const FakeRoot none;
  EXPECT_EQ(holds_cuda_context(none.root()), std::nullopt);
}

}  // namespace
}  // namespace crossover
