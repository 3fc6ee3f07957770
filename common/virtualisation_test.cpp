#include <gmock/gmock.h>

#include "common/fake_root.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

using testing::Eq;
using testing::Optional;

constexpr auto kVirtual = "flags\t\t: fpu sse hypervisor avx\n";
constexpr auto kBare = "flags\t\t: fpu sse avx\n";

class Virtualisation : public testing::Test {
 protected:
  std::optional<std::string> found() const { return virtualisation(fake.root()); }
  static auto is(const char* text) { return Optional(std::string(text)); }
  FakeRoot fake;
};

TEST_F(Virtualisation, IsUnknownWhereNothingTells) { EXPECT_THAT(found(), Eq(std::nullopt)); }

TEST_F(Virtualisation, TheProcessorTellsBareMetal) {
  fake.write("proc/cpuinfo", kBare);
  // A workstation on which someone only runs virtual machines.
  fake.write("sys/class/dmi/id/product_name", "X11 VirtualBox fan edition\n");
  EXPECT_THAT(found(), is("none"));
}

TEST_F(Virtualisation, TheFirmwareNamesTheHypervisor) {
  fake.write("proc/cpuinfo", kVirtual);
  EXPECT_THAT(found(), is("vm"));
  for (const auto& [product, name] :
       {std::pair("Standard PC (Q35 + ICH9, 2009)\n", "vm"),
        std::pair("KVM Virtual Machine", "kvm"), std::pair("VMware Virtual Platform\n", "vmware"),
        std::pair("Google Compute Engine\n", "google"),
        std::pair("Virtual Machine", "microsoft")}) {
    fake.write("sys/class/dmi/id/product_name", product);
    EXPECT_THAT(found(), is(name)) << product;
  }
  fake.write("sys/class/dmi/id/product_name", "unknown");
  fake.write("sys/class/dmi/id/sys_vendor", "Xen\n");
  EXPECT_THAT(found(), is("xen"));
}

TEST_F(Virtualisation, ProcessorsWithoutTheFlagAskTheFirmware) {
  fake.write("proc/cpuinfo", "CPU implementer\t: 0x41\n");
  EXPECT_THAT(found(), Eq(std::nullopt));
  fake.write("proc/device-tree/hypervisor/compatible", std::string("linux,kvm\0", 10));
  EXPECT_THAT(found(), is("kvm"));
  fake.write("sys/class/dmi/id/sys_vendor", "Amazon EC2\n");
  fake.write("sys/class/dmi/id/product_name", "c7g.large\n");
  EXPECT_THAT(found(), is("amazon"));
  fake.write("sys/class/dmi/id/product_name", "c7g.metal\n");
  EXPECT_THAT(found(), is("none"));
}

TEST_F(Virtualisation, WindowsSubsystem) {
  fake.write("proc/cpuinfo", kVirtual);
  fake.write("proc/sys/kernel/osrelease", "5.15.90.1-microsoft-standard-WSL2\n");
  EXPECT_THAT(found(), is("wsl"));
}

TEST_F(Virtualisation, ContainersAreNamedWithWhatTheyRunOn) {
  fake.write("run/.containerenv", "");
  EXPECT_THAT(found(), is("podman"));
  fake.write("proc/cpuinfo", kBare);
  EXPECT_THAT(found(), is("podman"));
  fake.write("proc/cpuinfo", kVirtual);
  EXPECT_THAT(found(), is("podman on vm"));
}

TEST_F(Virtualisation, ContainersAreKnownByTheirGroup) {
  fake.write("proc/cpuinfo", kBare);
  fake.write("proc/self/cgroup", "0::/user.slice/user-1000.slice/session-1.scope\n");
  EXPECT_THAT(found(), is("none"));
  fake.write("proc/self/cgroup", "0::/system.slice/docker.service\n");
  EXPECT_THAT(found(), is("none"));
  fake.write("proc/self/cgroup", "4:memory:/docker/0123456789\n");
  EXPECT_THAT(found(), is("docker"));
  fake.write("proc/self/cgroup", "0::/kubepods.slice/kubepods-pod1.slice/docker-012.scope\n");
  EXPECT_THAT(found(), is("kubernetes"));
}

}  // namespace
}  // namespace crossover
