#include "common/kernel_settings.hpp"

#include <gtest/gtest.h>

#include "common/fake_root.hpp"

namespace crossover {
namespace {

constexpr const char* kCpus = "sys/devices/system/cpu/";

TEST(KernelSettings, AreUnknownWhereTheSystemTellsNothing) {
  const FakeRoot nothing;
  EXPECT_FALSE(turbo(nothing.root()));
  EXPECT_FALSE(mitigations(nothing.root()));
  EXPECT_FALSE(kernel_options(nothing.root()));
}

TEST(KernelSettings, TellWhetherCoresMayRunFaster) {
  const FakeRoot amd;
  amd.write(std::string(kCpus) + "cpufreq/boost", "1\n");
  EXPECT_EQ(turbo(amd.root()), "on");
  amd.write(std::string(kCpus) + "cpufreq/boost", "0\n");
  EXPECT_EQ(turbo(amd.root()), "off");
  // Where both are there, the driver's own word counts.
  amd.write(std::string(kCpus) + "intel_pstate/no_turbo", "0\n");
  EXPECT_EQ(turbo(amd.root()), "on");
  amd.write(std::string(kCpus) + "intel_pstate/no_turbo", "1\n");
  EXPECT_EQ(turbo(amd.root()), "off");
}

TEST(KernelSettings, NameWhatIsMitigatedAndWhatIsOpen) {
  const FakeRoot fake;
  const std::string folder = std::string(kCpus) + "vulnerabilities/";
  fake.write(folder + "meltdown", "Not affected\n");
  EXPECT_EQ(mitigations(fake.root()), "none");
  fake.write(folder + "spectre_v2", "Mitigation: Retpolines; STIBP: disabled\n");
  fake.write(folder + "retbleed", "Mitigation: untrained return thunk\n");
  EXPECT_EQ(mitigations(fake.root()), "retbleed, spectre_v2");
  fake.write(folder + "mds", "Vulnerable: Clear CPU buffers attempted, no microcode\n");
  EXPECT_EQ(mitigations(fake.root()), "retbleed, spectre_v2; open: mds");
  fake.write(folder + "itlb_multihit", "KVM: Mitigation: VMX disabled\n");
  fake.write(folder + "srbds", "Unknown: Dependent on hypervisor status\n");
  EXPECT_EQ(mitigations(fake.root()),
            "itlb_multihit, retbleed, spectre_v2; open: mds; unknown: srbds");
}

TEST(KernelSettings, TellOptionsThatMatterAndNoNames) {
  const FakeRoot fake;
  fake.write("proc/cmdline",
             "BOOT_IMAGE=/boot/vmlinuz root=UUID=1 mitigations=auto,nosmt quiet isolcpus=2-15 "
             "nosmt transparent_hugepage=/home/me hostname=mine -- idle=poll\n");
  EXPECT_EQ(kernel_options(fake.root()), "mitigations=auto,nosmt isolcpus=2-15 nosmt");
  fake.write("proc/cmdline", "retbleed=off isolcpus=0-31:2/4 nohz_full=/1/2 mem=1/\n");
  EXPECT_EQ(kernel_options(fake.root()), "retbleed=off isolcpus=0-31:2/4");
  fake.write("proc/cmdline", "quiet\n");
  EXPECT_EQ(kernel_options(fake.root()), "none");
  fake.write("proc/cmdline", "");
  EXPECT_EQ(kernel_options(fake.root()), "none");
}

}  // namespace
}  // namespace crossover
