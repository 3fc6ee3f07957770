#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/machine.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

/// Patterns, divided by bars, and the name that goes with them.
using Names = std::vector<std::pair<std::string_view, std::string_view>>;

/// The first name of whose patterns `text` holds one.
std::optional<std::string> match(const Names& names, std::string_view text) {
  for (const auto& [patterns, name] : names) {
    for (const auto pattern : split(patterns, '|')) {
      if (text.find(pattern) != std::string_view::npos) return std::string(name);
    }
  }
  return std::nullopt;
}

/// The hypervisor's signature, twelve characters in CPUID leaf 0x40000000.
std::string cpuid_signature() {
#if defined(__x86_64__) || defined(__i386__)
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  constexpr unsigned kHypervisorBit = 1U << 31;
  if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & kHypervisorBit) == 0) return {};
  __cpuid(0x40000000, a, b, c, d);
  const unsigned signature[]{b, c, d};
  return {reinterpret_cast<const char*>(signature), sizeof signature};
#else
  return {};
#endif
}

std::optional<std::string> hypervisor(const SystemRoot& root) {
  // What firmware says of itself, and those signatures of CPUID that hold nothing of it.
  static const Names kHypervisors{
      {"KVM|OpenStack", "kvm"},
      {"Amazon EC2", "amazon"},
      {"Google Compute", "google"},
      {"QEMU|TCGTCGTCGTCG|NVMM", "qemu"},
      {"VMware|VMW", "vmware"},
      {"innotek GmbH|VirtualBox|VBoxVBoxVBox", "oracle"},
      {"Xen", "xen"},
      {"Bochs", "bochs"},
      {"Parallels|prl hyperv", "parallels"},
      {"BHYVE|bhyve bhyve", "bhyve"},
      {"Hyper-V|Virtual Machine|Microsoft Hv", "microsoft"},
      {"Apple Virtualization", "apple"},
      {"ACRNACRNACRN", "acrn"},
  };
  const auto kernel = read_word(root.path / "proc/sys/kernel/osrelease").value_or("");
  if (kernel.find("icrosoft") != std::string::npos) return "wsl";

  const auto cpuinfo = read_text(root.path / "proc/cpuinfo").value_or("");
  const auto flags = value_of(cpuinfo, "flags");  // x86 alone has this line
  const bool flagged = flags && (" " + *flags + " ").find(" hypervisor ") != std::string::npos;
  if (flags && !flagged) return "none";
  if (flagged && root.path == "/") {
    if (auto name = match(kHypervisors, cpuid_signature())) return name;
  }

  std::string firmware;
  for (const auto* file : {"product_name", "sys_vendor", "board_vendor", "bios_vendor"}) {
    if (const auto word = read_word(root.path / "sys/class/dmi/id" / file)) {
      firmware += *word + "\n";
    }
  }
  // Amazon's instances without a hypervisor have the same vendor and this suffix.
  if (firmware.find(".metal") != std::string::npos) return "none";
  if (auto name = match(kHypervisors, firmware)) return name;

  if (const auto type = read_word(root.path / "sys/hypervisor/type")) return type;
  if (const auto type = read_word(root.path / "proc/device-tree/hypervisor/compatible")) {
    return match({{"kvm", "kvm"}, {"xen", "xen"}}, *type).value_or("vm");
  }
  if (flagged) return "vm";
  return firmware.empty() ? std::nullopt : std::optional<std::string>("none");
}

std::optional<std::string> container(const SystemRoot& root) {
  static const Names kFiles{
      {"run/.containerenv", "podman"},
      {".dockerenv", "docker"},
      {".singularity.d", "apptainer"},
      {"run/secrets/kubernetes.io", "kubernetes"},
  };
  static const Names kGroups{
      {"kubepods", "kubernetes"},   {"docker", "docker"}, {"libpod", "podman"}, {"lxc", "lxc"},
      {"containerd", "containerd"},
  };
  std::error_code ignored;
  for (const auto& [file, name] : kFiles) {
    if (std::filesystem::exists(root.path / file, ignored)) return std::string(name);
  }
  if (const auto word = read_word(root.path / "run/systemd/container")) return word;
  const auto groups = read_text(root.path / "proc/self/cgroup").value_or("");
  // A group of the service itself ("/system.slice/docker.service") is not inside a container.
  for (const auto line : split(groups, '\n')) {
    if (line.find(".service") != std::string_view::npos) continue;
    if (auto name = match(kGroups, line)) return name;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string> virtualisation(const SystemRoot& root) {
  const auto inner = container(root);
  const auto outer = hypervisor(root);
  if (!inner) return outer;
  return outer && *outer != "none" ? *inner + " on " + *outer : *inner;
}

}  // namespace crossover
