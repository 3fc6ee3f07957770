#include "common/machine.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "common/fake_root.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

json describe(const FakeRoot& fake) {
  return describe_machine(synthetic_topology("core:2 pu:2"), fake.root());
}

std::set<std::string> keys(const json& object) {
  std::set<std::string> found;
  for (const auto& [key, value] : object.items()) found.insert(key);
  return found;
}

TEST(DescribeMachine, HasEveryKeyEvenWhenTheSystemTellsNothing) {
  const FakeRoot nothing;
  const auto machine = describe(nothing);
  EXPECT_EQ(
      keys(machine),
      (std::set<std::string>{"cpu", "numa_nodes", "memory_bytes", "memory_limit_bytes", "page_size",
                             "huge_pages", "governor", "turbo", "mitigations", "kernel_options",
                             "virtualisation", "kernel", "os", "cpu_quota", "affinity"}));
  EXPECT_EQ(keys(machine["cpu"]),
            (std::set<std::string>{"model", "vendor", "sockets", "cores", "threads", "smt",
                                   "base_mhz", "max_mhz", "microcode", "caches"}));
  for (const auto* key :
       {"memory_bytes", "memory_limit_bytes", "huge_pages", "governor", "turbo", "mitigations",
        "kernel_options", "virtualisation", "kernel", "os", "cpu_quota"}) {
    EXPECT_TRUE(machine[key].is_null()) << key;
  }
  EXPECT_TRUE(machine["cpu"]["max_mhz"].is_null());
  EXPECT_EQ(machine["page_size"], sysconf(_SC_PAGESIZE));
  EXPECT_EQ(machine["affinity"], 4);
  EXPECT_EQ(machine["cpu"]["threads"], 4);
}

TEST(DescribeMachine, ReadsAWorkstation) {
  const FakeRoot fake;
  fake.write("proc/cpuinfo",
             "processor\t: 0\nvendor_id\t: GenuineIntel\nmodel\t\t: 85\n"
             "model name\t: Intel(R) Xeon(R) Gold 6142 CPU @ 2.60GHz\nmicrocode\t: 0x2006e05\n"
             "flags\t\t: fpu sse\n");
  fake.write("proc/meminfo", "MemTotal:       1048576 kB\n");
  fake.write("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n");
  fake.write("etc/os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
  fake.write("sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n");
  const std::string cpus = "sys/devices/system/cpu/cpu";
  for (const auto* cpu : {"0", "1", "2", "3"}) {
    fake.write(cpus + cpu + "/cpufreq/scaling_governor", "performance\n");
  }
  fake.write(cpus + "0/cpufreq/cpuinfo_max_freq", "3700000\n");
  fake.write("proc/self/cgroup", "0::/\n");
  fake.write("proc/self/mountinfo", "1 2 0:3 / /groups rw - cgroup2 none rw\n");
  fake.write("groups/memory.max", "1234567\n");

  auto machine = describe(fake);
  EXPECT_EQ(machine["cpu"]["model"], "Intel(R) Xeon(R) Gold 6142 CPU @ 2.60GHz");
  EXPECT_EQ(machine["cpu"]["vendor"], "GenuineIntel");
  EXPECT_EQ(machine["cpu"]["microcode"], "0x2006e05");
  EXPECT_EQ(machine["cpu"]["base_mhz"], 2600.0);
  EXPECT_EQ(machine["cpu"]["max_mhz"], 3700.0);
  EXPECT_EQ(machine["memory_bytes"], 1073741824);
  EXPECT_EQ(machine["memory_limit_bytes"], 1234567);
  EXPECT_EQ(machine["kernel"], "6.1.0-13-amd64");
  EXPECT_EQ(machine["os"], "Debian GNU/Linux 12 (bookworm)");
  EXPECT_EQ(machine["huge_pages"], "madvise");
  EXPECT_EQ(machine["governor"], "performance");
  EXPECT_EQ(machine["virtualisation"], "none");

  fake.write(cpus + "3/cpufreq/scaling_governor", "powersave\n");
  fake.write(cpus + "0/acpi_cppc/nominal_freq", "2500\n");
  machine = describe(fake);
  EXPECT_EQ(machine["governor"], "performance, powersave");
  EXPECT_EQ(machine["cpu"]["base_mhz"], 2500.0);
  fake.write(cpus + "0/cpufreq/base_frequency", "2400000\n");
  EXPECT_EQ(describe(fake)["cpu"]["base_mhz"], 2400.0);
}

TEST(DescribeMachine, NamesArmProcessorsThatHaveNoModelName) {
  const FakeRoot fake;
  const auto with = [&fake](const std::string& implementer, const std::string& part) {
    fake.write("proc/cpuinfo",
               "processor\t: 0\nBogoMIPS\t: 243.75\nFeatures\t: fp asimd\n"
               "CPU implementer\t: " +
                   implementer + "\nCPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: " + part +
                   "\n");
    return describe(fake)["cpu"];
  };
  EXPECT_EQ(with("0x41", "0xd0c")["model"], "Neoverse-N1");
  EXPECT_EQ(with("0x41", "0xd0c")["vendor"], "ARM");
  EXPECT_EQ(with("0x77", "0x123")["model"], "implementer 0x77, part 0x123");
}

TEST(DescribeMachine, NonsenseIsUnknown) {
  const FakeRoot fake;
  fake.write("proc/cpuinfo", "model name\t: Chip @ fastGHz\nflags\t:\n");
  fake.write("proc/meminfo", "MemTotal: lots\n");
  fake.write("etc/os-release", "PRETTY_NAME=\"\nPRETTY_NAME=\n");
  fake.write("sys/kernel/mm/transparent_hugepage/enabled", "always [never\n");
  fake.write("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "<unknown>\n");
  const auto machine = describe(fake);
  EXPECT_EQ(machine["cpu"]["model"], "Chip @ fastGHz");
  EXPECT_TRUE(machine["cpu"]["base_mhz"].is_null());
  EXPECT_TRUE(machine["cpu"]["max_mhz"].is_null());
  EXPECT_TRUE(machine["memory_bytes"].is_null());
  EXPECT_TRUE(machine["huge_pages"].is_null());
}

TEST(DescribeMachine, TellsThisMachine) {
  const auto topology = detect_topology();
  const auto machine = describe_machine(topology);
  EXPECT_EQ(machine["affinity"], topology.threads.size());
  EXPECT_EQ(machine["cpu"]["threads"], topology.machine_threads);
  EXPECT_TRUE(machine["cpu"]["model"].is_string());
  EXPECT_GT(machine["memory_bytes"], 0);
  EXPECT_TRUE(machine["kernel"].is_string());
  for (const auto& cache : machine["cpu"]["caches"]) {
    EXPECT_EQ(keys(cache), (std::set<std::string>{"level", "type", "bytes", "shared_by"}));
    EXPECT_GE(cache["shared_by"], 1);
  }
  // It can be written as UTF-8.
  EXPECT_NO_THROW(machine.dump());
}

TEST(DescribeMachine, KeepsThePersonOut) {
  const auto text = describe_machine(detect_topology()).dump();
  char host[256] = {};
  ASSERT_EQ(gethostname(host, sizeof(host) - 1), 0);
  if (std::string(host).size() > 3) {
    EXPECT_THAT(text, Not(HasSubstr("\"" + std::string(host) + "\"")));
  }
  EXPECT_THAT(text, Not(HasSubstr("/home")));
  EXPECT_THAT(text, Not(HasSubstr("/sys")));
}

}  // namespace
}  // namespace crossover
