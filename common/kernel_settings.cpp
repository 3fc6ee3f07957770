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
constexpr std::array<std::string_view, 34> kOptions{"amd_pstate",
                                                    "clocksource",
                                                    "default_hugepagesz",
                                                    "gather_data_sampling",
                                                    "hpet",
                                                    "hugepages",
                                                    "hugepagesz",
                                                    "idle",
                                                    "intel_idle.max_cstate",
                                                    "intel_iommu",
                                                    "amd_iommu",
                                                    "iommu",
                                                    "intel_pstate",
                                                    "isolcpus",
                                                    "l1tf",
                                                    "maxcpus",
                                                    "mds",
                                                    "mem",
                                                    "mitigations",
                                                    "nohz",
                                                    "nohz_full",
                                                    "nopti",
                                                    "nosmt",
                                                    "nospectre_v2",
                                                    "nr_cpus",
                                                    "numa",
                                                    "numa_balancing",
                                                    "preempt",
                                                    "processor.max_cstate",
                                                    "pti",
                                                    "rcu_nocbs",
                                                    "spectre_v2",
                                                    "transparent_hugepage",
                                                    "tsc"};

/// Of an option's value: what may be a name or a path is not told.
bool plain(std::string_view value) {
  return std::all_of(value.begin(), value.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view(",._:+-=^").find(c) != std::string_view::npos;
  });
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
  bool told = false;
  const auto folder = root.path / "sys/devices/system/cpu/vulnerabilities";
  for (const auto& entry : std::filesystem::directory_iterator(folder, none)) {
    const auto text = read_word(entry.path());
    if (!text) continue;
    told = true;
    if (text->starts_with("Mitigation")) mitigated.insert(entry.path().filename());
    if (text->starts_with("Vulnerable")) open.insert(entry.path().filename());
  }
  if (!told) return std::nullopt;
  std::vector<std::string> parts;
  if (!mitigated.empty()) parts.push_back(fmt::format("{}", fmt::join(mitigated, ", ")));
  if (!open.empty()) parts.push_back(fmt::format("open: {}", fmt::join(open, ", ")));
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
