#include "common/kernel_settings.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <string_view>
#include <vector>

#include "common/system_file.hpp"

namespace crossover {

namespace {

// See the kernel's Documentation/admin-guide/kernel-parameters.txt.
constexpr auto kOptions = std::to_array<std::string_view>({"amd_iommu",
                                                           "amd_pstate",
                                                           "clocksource",
                                                           "cpufreq.default_governor",
                                                           "cpufreq.off",
                                                           "cpuidle.off",
                                                           "default_hugepagesz",
                                                           "gather_data_sampling",
                                                           "hpet",
                                                           "hugepages",
                                                           "hugepagesz",
                                                           "idle",
                                                           "indirect_target_selection",
                                                           "intel_idle.max_cstate",
                                                           "intel_iommu",
                                                           "intel_pstate",
                                                           "iommu",
                                                           "irqaffinity",
                                                           "isolcpus",
                                                           "kpti",
                                                           "l1tf",
                                                           "maxcpus",
                                                           "mds",
                                                           "mem",
                                                           "mitigations",
                                                           "mmio_stale_data",
                                                           "noht",
                                                           "nohz",
                                                           "nohz_full",
                                                           "nopti",
                                                           "nosmp",
                                                           "nosmt",
                                                           "nospectre_bhb",
                                                           "nospectre_v1",
                                                           "nospectre_v2",
                                                           "nr_cpus",
                                                           "numa",
                                                           "numa_balancing",
                                                           "preempt",
                                                           "processor.max_cstate",
                                                           "pti",
                                                           "rcu_nocbs",
                                                           "reg_file_data_sampling",
                                                           "retbleed",
                                                           "spec_rstack_overflow",
                                                           "spec_store_bypass_disable",
                                                           "spectre_bhi",
                                                           "spectre_v2",
                                                           "srbds",
                                                           "threadirqs",
                                                           "transparent_hugepage",
                                                           "tsc",
                                                           "tsx",
                                                           "tsx_async_abort"});

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Of an option: what may hold a name or a path is not told. A list of CPUs may have a slash,
/// between numbers (0-31:2/4).
bool plain(std::string_view option) {
  for (std::size_t i = 0; i < option.size(); ++i) {
    const char c = option[i];
    const bool of_list = c == '/' && i > 0 && i + 1 < option.size() && is_digit(option[i - 1]) &&
                         is_digit(option[i + 1]);
    if (!of_list && !is_digit(c) && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
        std::string_view(",._:+-=^").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

std::optional<std::string> turbo(const SystemRoot& root) {
  const std::filesystem::path cpus = root.path / "sys/devices/system/cpu";
  if (const auto off = read_word(cpus / "intel_pstate/no_turbo")) return *off == "0" ? "on" : "off";
  if (const auto on = read_word(cpus / "cpufreq/boost")) return *on == "0" ? "off" : "on";
  return std::nullopt;
}

std::optional<std::string> mitigations(const SystemRoot& root) {
  std::error_code none;
  std::set<std::string> mitigated;
  std::set<std::string> open;
  std::set<std::string> unknown;
  bool told = false;
  const auto folder = root.path / "sys/devices/system/cpu/vulnerabilities";
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const auto text = read_word(entry.path());
    if (!text) continue;
    told = true;
    // Some begin with whom it is about: "KVM: Mitigation: VMX disabled".
    const auto says = [&](std::string_view word) { return text->find(word) != std::string::npos; };
    const std::string name = entry.path().filename();
    if (text->starts_with("Unknown")) {
      unknown.insert(name);
    } else if (says("Mitigation")) {
      mitigated.insert(name);
    } else if (says("Vulnerable")) {
      open.insert(name);
    }
  }
  if (!told) return std::nullopt;
  std::vector<std::string> parts;
  if (!mitigated.empty()) parts.push_back(fmt::format("{}", fmt::join(mitigated, ", ")));
  if (!open.empty()) parts.push_back(fmt::format("open: {}", fmt::join(open, ", ")));
  if (!unknown.empty()) parts.push_back(fmt::format("unknown: {}", fmt::join(unknown, ", ")));
  return parts.empty() ? "none" : fmt::format("{}", fmt::join(parts, "; "));
}

std::optional<std::string> kernel_options(const SystemRoot& root) {
  const auto text = read_text(root.path / "proc/cmdline");
  if (!text) return std::nullopt;
  std::vector<std::string> found;
  for (const std::string& word : words(*text)) {
    if (word == "--") break;  // what follows is init's
    const std::string_view name = std::string_view(word).substr(0, word.find('='));
    if (std::find(kOptions.begin(), kOptions.end(), name) != kOptions.end() && plain(word)) {
      found.push_back(word);
    }
  }
  return found.empty() ? "none" : fmt::format("{}", fmt::join(found, " "));
}

}  // namespace crossover
