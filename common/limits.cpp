#include "common/limits.hpp"

#include <sys/sysinfo.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "common/control_groups.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

namespace fs = std::filesystem;

template <class T>
void lower(std::optional<T>& least, const std::optional<T>& value) {
  if (value && (!least || *value < *least)) least = value;
}

/// The least that `value_of_group` tells of a control group of this process, if it does of any.
template <class T>
std::optional<T> tightest(const SystemRoot& root, std::string_view controller,
                          std::optional<T> (*value_of_group)(const ControlGroup&)) {
  std::optional<T> least;
  for (const auto& group : control_groups(root, controller)) lower(least, value_of_group(group));
  return least;
}

std::optional<double> quota_of(const ControlGroup& group) {
  const auto& [unified, folder] = group;
  std::optional<double> quota;
  std::optional<double> period;
  if (unified) {
    const auto fields = words(read_text(folder / "cpu.max").value_or(""));
    if (fields.size() != 2) return std::nullopt;
    quota = to_number<double>(fields[0]);  // "max" is no number
    period = to_number<double>(fields[1]);
  } else {
    quota = read_number<double>(folder / "cpu.cfs_quota_us");  // -1: none
    period = read_number<double>(folder / "cpu.cfs_period_us");
  }
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  return *quota / *period;
}

/// "No limit" in v1 is the largest multiple of the page size below 2^63.
std::optional<std::uint64_t> finite(std::optional<std::uint64_t> bytes) {
  constexpr std::uint64_t kNoLimit = std::uint64_t{1} << 62;
  return bytes && *bytes < kNoLimit ? bytes : std::nullopt;
}

std::optional<std::uint64_t> memory_limit_of(const ControlGroup& group) {
  const auto& [unified, folder] = group;
  // memory.high is left out: beyond it the kernel slows a group down but kills nobody.
  if (unified) return finite(read_number<std::uint64_t>(folder / "memory.max"));
  auto limit = finite(read_number<std::uint64_t>(folder / "memory.limit_in_bytes"));
  // Knows the groups above that a container cannot see.
  const auto stat = read_text(folder / "memory.stat").value_or("");
  lower(limit, finite(number_of<std::uint64_t>(stat, "hierarchical_memory_limit")));
  return limit;
}

/// What a group with a limit can still take: up to the limit, and the file cache that the kernel
/// drops first. Active file pages and swap are not counted: taking them makes everything slow.
std::optional<std::uint64_t> memory_left(const ControlGroup& group) {
  const auto& [unified, folder] = group;
  const auto limit = memory_limit_of(group);
  if (!limit) return std::nullopt;
  const auto used =
      read_number<std::uint64_t>(folder / (unified ? "memory.current" : "memory.usage_in_bytes"))
          .value_or(0);
  const auto stat = read_text(folder / "memory.stat").value_or("");
  const auto cache =
      number_of<std::uint64_t>(stat, unified ? "inactive_file" : "total_inactive_file").value_or(0);
  const auto held = used - std::min(used, cache);
  return *limit - std::min(*limit, held);
}

std::uint64_t system_memory(const std::string& meminfo) {
  if (const auto available = kilobytes(meminfo, "MemAvailable")) return *available;
  // Kernels before 3.14.
  if (const auto free = kilobytes(meminfo, "MemFree")) {
    return *free + kilobytes(meminfo, "Inactive(file)").value_or(0);
  }
  struct sysinfo info {};
  if (sysinfo(&info) != 0) return 0;
  return static_cast<std::uint64_t>(info.freeram) * info.mem_unit;
}

/// What is left on the NUMA nodes that a cpuset leaves to the process, when those are not all:
/// outside of them nothing helps it.
std::optional<std::uint64_t> allowed_nodes_memory(const SystemRoot& root,
                                                  const std::string& status) {
  const auto nodes = root.path / "sys/devices/system/node";
  const auto allowed = listed_numbers(value_of(status, "Mems_allowed_list").value_or(""));
  const auto with_memory = listed_numbers(read_text(nodes / "has_memory").value_or(""));
  const bool all =
      std::includes(allowed.begin(), allowed.end(), with_memory.begin(), with_memory.end());
  if (allowed.empty() || all) return std::nullopt;
  std::uint64_t bytes = 0;
  for (const int node : allowed) {
    // "Node 0 MemFree:  123 kB"
    const auto prefix = "Node " + std::to_string(node) + " ";
    const auto text = read_text(nodes / ("node" + std::to_string(node)) / "meminfo");
    if (!text) continue;
    bytes += kilobytes(*text, prefix + "MemFree").value_or(0) +
             kilobytes(*text, prefix + "Inactive(file)").value_or(0);
  }
  return bytes;
}

/// The soft limit in a line of /proc/self/limits, less what is used of it.
std::optional<std::uint64_t> resource_left(const std::string& limits, std::string_view name,
                                           std::optional<std::uint64_t> used) {
  const auto limit = number_of<std::uint64_t>(limits, name);  // "unlimited" is no number
  if (!limit) return std::nullopt;
  return *limit - std::min(*limit, used.value_or(0));
}

}  // namespace

std::optional<double> cpu_quota(const SystemRoot& root) { return tightest(root, "cpu", quota_of); }

std::optional<std::uint64_t> memory_limit(const SystemRoot& root) {
  return tightest(root, "memory", memory_limit_of);
}

std::uint64_t available_memory(const SystemRoot& root) {
  const auto meminfo = read_text(root.path / "proc/meminfo").value_or("");
  const auto status = read_text(root.path / "proc/self/status").value_or("");
  std::optional<std::uint64_t> least = system_memory(meminfo);
  lower(least, allowed_nodes_memory(root, status));
  lower(least, tightest(root, "memory", memory_left));

  const auto limits = read_text(root.path / "proc/self/limits").value_or("");
  lower(least, resource_left(limits, "Max address space", kilobytes(status, "VmSize")));
  lower(least, resource_left(limits, "Max data size", kilobytes(status, "VmData")));

  // With strict accounting mmap() itself fails beyond the commit limit.
  if (read_word(root.path / "proc/sys/vm/overcommit_memory") == "2") {
    const auto limit = kilobytes(meminfo, "CommitLimit");
    const auto used = kilobytes(meminfo, "Committed_AS").value_or(0);
    if (limit) lower(least, std::optional(*limit - std::min(*limit, used)));
  }

  const auto margin = kMemoryMargin + *least / kMemoryMarginShare;
  return *least - std::min(*least, margin);
}

}  // namespace crossover
