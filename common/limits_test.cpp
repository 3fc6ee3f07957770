#include "common/limits.hpp"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

#include "common/fake_root.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

using testing::Eq;
using testing::Optional;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr auto kUnifiedMount =
    "25 22 0:22 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

std::uint64_t less_margin(std::uint64_t bytes) {
  return bytes - kMemoryMargin - bytes / kMemoryMarginShare;
}

/// A machine with 64 GiB available and no limits.
class Limits : public testing::Test {
 protected:
  Limits() { fake.write("proc/meminfo", "MemTotal: 100000000 kB\nMemAvailable:   67108864 kB\n"); }
  void unified(const std::string& group) const {
    fake.write("proc/self/mountinfo", kUnifiedMount);
    fake.write("proc/self/cgroup", "0::" + group + "\n");
  }
  void folder(const std::string& name) const {
    std::filesystem::create_directories(fake.path() / name);
  }
  std::optional<double> quota() const { return cpu_quota(fake.root()); }
  std::optional<std::uint64_t> limit() const { return memory_limit(fake.root()); }
  std::uint64_t available() const { return available_memory(fake.root()); }

  FakeRoot fake;
};

TEST_F(Limits, AreAbsentWithoutControlGroups) {
  EXPECT_THAT(quota(), Eq(std::nullopt));
  EXPECT_THAT(limit(), Eq(std::nullopt));
  EXPECT_EQ(available(), less_margin(64 * kGiB));
}

TEST_F(Limits, AreAbsentWhereTheGroupsHaveNoFiles) {
  unified("/user.slice");
  folder("sys/fs/cgroup/user.slice");
  EXPECT_THAT(quota(), Eq(std::nullopt));
  EXPECT_THAT(limit(), Eq(std::nullopt));
}

TEST_F(Limits, UnifiedQuotaIsTheTightestFromTheGroupToTheRoot) {
  unified("/a/b/c");
  fake.write("sys/fs/cgroup/a/b/c/cpu.max", "400000 100000\n");
  fake.write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  fake.write("sys/fs/cgroup/a/cpu.max", "125000 50000\n");
  fake.write("sys/fs/cgroup/z/cpu.max", "1000 100000\n");
  EXPECT_THAT(quota(), Optional(2.5));
  fake.write("sys/fs/cgroup/a/b/c/cpu.max", "50000 100000\n");
  EXPECT_THAT(quota(), Optional(0.5));
  fake.write("sys/fs/cgroup/cpu.max", "25000 100000\n");
  EXPECT_THAT(quota(), Optional(0.25));
}

TEST_F(Limits, UnifiedQuotaInAContainerWithItsOwnNamespace) {
  unified("/");
  fake.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_THAT(quota(), Optional(2.0));
}

TEST_F(Limits, AGroupThatTheMountDoesNotShowFallsBackToTheMountsRoot) {
  fake.write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  unified("/docker/0123");
  EXPECT_THAT(quota(), Optional(2.0));
  unified("/../../outside");
  EXPECT_THAT(quota(), Optional(2.0));
}

TEST_F(Limits, AMountOfAPartOfTheTreeIsResolved) {
  fake.write("proc/self/cgroup", "4:cpu,cpuacct:/docker/0123/inner\n");
  fake.write("proc/self/mountinfo",
             "40 30 0:35 /docker/0123 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup "
             "rw,cpu,cpuacct\n");
  fake.write("sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "-1\n");
  fake.write("sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(quota(), Eq(std::nullopt));
  fake.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "300000\n");
  fake.write("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(quota(), Optional(3.0));
  fake.write("sys/fs/cgroup/cpu,cpuacct/inner/cpu.cfs_quota_us", "150000\n");
  EXPECT_THAT(quota(), Optional(1.5));
}

TEST_F(Limits, ControllersAreMatchedWhole) {
  fake.write("proc/self/cgroup", "4:cpuacct:/\n3:cpuset:/\n");
  fake.write("proc/self/mountinfo",
             "40 30 0:35 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct\n");
  fake.write("sys/fs/cgroup/cpuacct/cpu.cfs_quota_us", "100000\n");
  fake.write("sys/fs/cgroup/cpuacct/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(quota(), Eq(std::nullopt));
}

TEST_F(Limits, MountPointsMayHoldBlanks) {
  fake.write("proc/self/cgroup", "0::/\n");
  fake.write("proc/self/mountinfo", "1 2 0:3 / /my\\040groups rw - cgroup2 none rw\n");
  fake.write("my groups/cpu.max", "700000 100000\n");
  EXPECT_THAT(quota(), Optional(7.0));
}

TEST_F(Limits, AHierarchyMayBeMountedAtTheRoot) {
  fake.write("proc/self/cgroup", "0::/a/\n");
  fake.write("proc/self/mountinfo", "1 2 0:3 / / rw - cgroup2 none rw\n");
  fake.write("a/cpu.max", "700000 100000\n");
  EXPECT_THAT(quota(), Optional(7.0));
}

TEST_F(Limits, HybridHierarchiesAreBothRead) {
  fake.write("proc/self/cgroup", "2:memory:/x\n1:cpu:/x\n0::/y\n");
  fake.write("proc/self/mountinfo",
             "1 2 0:3 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
             "1 2 0:4 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
             "1 2 0:5 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  fake.write("sys/fs/cgroup/cpu/x/cpu.cfs_quota_us", "600000\n");
  fake.write("sys/fs/cgroup/cpu/x/cpu.cfs_period_us", "100000\n");
  EXPECT_THAT(quota(), Optional(6.0));
  fake.write("sys/fs/cgroup/unified/y/cpu.max", "500000 100000\n");
  EXPECT_THAT(quota(), Optional(5.0));
}

TEST_F(Limits, NonsenseIsNoQuota) {
  unified("/");
  for (const auto* text : {"", "max", "max 100000", "100000", "100000 0", "-1 100000", "x y",
                           "0 100000", "1e999 100000"}) {
    fake.write("sys/fs/cgroup/cpu.max", text);
    EXPECT_THAT(quota(), Eq(std::nullopt)) << text;
  }
  fake.write("proc/self/cgroup", "no colons\n:\n::\n0:\n");
  fake.write("proc/self/mountinfo", "\n - \nshort - cgroup2\n");
  EXPECT_THAT(quota(), Eq(std::nullopt));
}

TEST_F(Limits, UnifiedMemoryLimitIsTheTightest) {
  unified("/a/b");
  fake.write("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_THAT(limit(), Eq(std::nullopt));
  fake.write("sys/fs/cgroup/a/memory.max", "4294967296\n");
  EXPECT_THAT(limit(), Optional(4 * kGiB));
  fake.write("sys/fs/cgroup/a/b/memory.max", "2147483648\n");
  fake.write("sys/fs/cgroup/a/b/memory.high", "1048576\n");  // slows down, kills nobody
  EXPECT_THAT(limit(), Optional(2 * kGiB));
}

TEST_F(Limits, EveryGroupsUseCountsAgainstItsOwnLimit) {
  unified("/a/b");
  fake.write("sys/fs/cgroup/a/b/memory.max", "4294967296\n");
  fake.write("sys/fs/cgroup/a/b/memory.current", "1073741824\n");
  EXPECT_EQ(available(), less_margin(3 * kGiB));
  // Neighbours in the group above have taken most of a larger limit.
  fake.write("sys/fs/cgroup/a/memory.max", "8589934592\n");
  fake.write("sys/fs/cgroup/a/memory.current", "7516192768\n");
  EXPECT_EQ(available(), less_margin(kGiB));
}

TEST_F(Limits, InactiveFileCacheCanBeTakenBack) {
  unified("/");
  fake.write("sys/fs/cgroup/memory.max", "4294967296\n");
  fake.write("sys/fs/cgroup/memory.current", "3221225472\n");
  fake.write("sys/fs/cgroup/memory.stat",
             "anon 5\ninactive_anon 77\ninactive_file 1073741824\nactive_file 1073741824\n");
  EXPECT_EQ(available(), less_margin(2 * kGiB));
}

TEST_F(Limits, AFullGroupLeavesNothing) {
  unified("/");
  fake.write("sys/fs/cgroup/memory.max", "1048576\n");
  fake.write("sys/fs/cgroup/memory.current", "1148576\n");
  EXPECT_EQ(available(), 0);
  fake.write("sys/fs/cgroup/memory.max", "0\n");
  EXPECT_EQ(available(), 0);
  EXPECT_THAT(limit(), Optional(std::uint64_t{0}));
}

TEST_F(Limits, LegacyMemoryLimit) {
  fake.write("proc/self/cgroup", "4:memory:/x\n");
  fake.write("proc/self/mountinfo",
             "1 2 0:4 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
  const std::string own = "sys/fs/cgroup/memory/x/";
  fake.write(own + "memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_THAT(limit(), Eq(std::nullopt));
  EXPECT_EQ(available(), less_margin(64 * kGiB));
  fake.write(own + "memory.limit_in_bytes", "4294967296\n");
  fake.write(own + "memory.usage_in_bytes", "2147483648\n");
  fake.write(own + "memory.stat", "inactive_file 1\ntotal_inactive_file 1073741824\n");
  EXPECT_THAT(limit(), Optional(4 * kGiB));
  EXPECT_EQ(available(), less_margin(3 * kGiB));
  // A group above, which a container does not see.
  fake.write(own + "memory.stat", "hierarchical_memory_limit 3221225472\n");
  EXPECT_THAT(limit(), Optional(3 * kGiB));
}

TEST_F(Limits, ResourceLimitsCount) {
  fake.write("proc/self/status", "VmPeak: 9 kB\nVmSize: 1048576 kB\nVmData: 524288 kB\n");
  fake.write("proc/self/limits",
             "Limit                     Soft Limit           Hard Limit           Units\n"
             "Max data size             unlimited            unlimited            bytes\n"
             "Max address space         5368709120           unlimited            bytes\n");
  EXPECT_EQ(available(), less_margin(4 * kGiB));
  fake.write("proc/self/limits",
             "Max data size             1610612736           unlimited            bytes\n"
             "Max address space         5368709120           unlimited            bytes\n");
  EXPECT_EQ(available(), less_margin(kGiB));
}

TEST_F(Limits, StrictAccountingCounts) {
  fake.write("proc/meminfo",
             "MemAvailable: 67108864 kB\nCommitLimit: 4194304 kB\nCommitted_AS: 1048576 kB\n");
  fake.write("proc/sys/vm/overcommit_memory", "0\n");
  EXPECT_EQ(available(), less_margin(64 * kGiB));
  fake.write("proc/sys/vm/overcommit_memory", "2\n");
  EXPECT_EQ(available(), less_margin(3 * kGiB));
}

TEST_F(Limits, MemoryOfForbiddenNodesDoesNotCount) {
  fake.write("sys/devices/system/node/has_memory", "0-1\n");
  fake.write("sys/devices/system/node/node1/meminfo",
             "Node 1 MemTotal: 9 kB\nNode 1 MemFree:  1048576 kB\n"
             "Node 1 Inactive(file):   1048576 kB\n");
  fake.write("proc/self/status", "Mems_allowed_list:\t0-1\n");
  EXPECT_EQ(available(), less_margin(64 * kGiB));
  fake.write("proc/self/status", "Mems_allowed_list:\t1\n");
  EXPECT_EQ(available(), less_margin(2 * kGiB));
}

TEST_F(Limits, OldKernelsDoNotTellWhatIsAvailable) {
  fake.write("proc/meminfo", "MemFree: 1048576 kB\nInactive(file): 1048576 kB\n");
  EXPECT_EQ(available(), less_margin(2 * kGiB));
}

TEST_F(Limits, LessThanTheMarginIsNothing) {
  fake.write("proc/meminfo", "MemAvailable: 20000 kB\n");
  EXPECT_EQ(available(), 0);
}

TEST(LimitsHere, AreThoseOfThisMachine) {
  const auto available = available_memory();
  EXPECT_GT(available, 0);
  EXPECT_LT(available, *to_number<std::uint64_t>(
                           words(*value_of(*read_text("/proc/meminfo"), "MemTotal"))[0]) *
                           1024);
  EXPECT_LT(available, memory_limit().value_or(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_GT(cpu_quota().value_or(1), 0);
}

TEST(LimitsHere, SeeAnAddressSpaceLimitSetByTheShell) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_AS, &before), 0);
  const auto size = words(*value_of(*read_text("/proc/self/status"), "VmSize"))[0];
  auto tighter = before;
  tighter.rlim_cur =
      std::min<rlim_t>(*to_number<std::uint64_t>(size) * 1024 + 256 * kMiB, before.rlim_max);
  ASSERT_EQ(setrlimit(RLIMIT_AS, &tighter), 0);
  const auto available = available_memory();
  ASSERT_EQ(setrlimit(RLIMIT_AS, &before), 0);
  EXPECT_LE(available, less_margin(256 * kMiB));
  EXPECT_GT(available, 0);
}

TEST(SystemFile, WhatCannotBeReadIsNothing) {
  EXPECT_FALSE(read_text("/nowhere"));
  EXPECT_FALSE(read_word("/proc"));  // opens, but a folder cannot be read
  EXPECT_FALSE(to_number<int>("99999999999"));
  EXPECT_FALSE(to_number<int>("12 "));
  EXPECT_FALSE(to_number<std::uint64_t>("-1"));
  EXPECT_FALSE(value_of("MemTotalX: 3", "MemTotal"));
  EXPECT_THAT(value_of("a b\nmodel name\t: x y \n", "model name"), Optional(std::string("x y")));
}

TEST(SystemFile, Lists) {
  using testing::ElementsAre;
  using testing::IsEmpty;
  EXPECT_THAT(listed_numbers("0-2,8\n"), ElementsAre(0, 1, 2, 8));
  EXPECT_THAT(listed_numbers(""), IsEmpty());
  EXPECT_THAT(listed_numbers("1-x"), IsEmpty());
  EXPECT_THAT(listed_numbers("0-2000000000"), IsEmpty());
}

}  // namespace
}  // namespace crossover
