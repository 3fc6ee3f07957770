#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/model.hpp"

/// Which CPUs this process may use and in which order workers are put on them, from hwloc.
namespace crossover {

enum class Pin { cores, threads, none };

constexpr std::string_view name(Pin pin) {
  constexpr std::array<std::string_view, 3> names{"cores", "threads", "none"};
  return names[static_cast<std::size_t>(pin)];
}

/// One hardware thread that the process may use.
struct HardwareThread {
  int cpu = 0;   ///< the operating system's number
  int core = 0;  ///< physical core, numbered over the machine (hwloc's logical index)
  int numa_node = 0;
  int package = 0;
  int smt_rank = 0;  ///< 0 for the first allowed thread of its core, 1 for its sibling, ...
  int kind = 0;      ///< 0 for the fastest kind of core that the machine has, 1 for the next, ...
};

struct Topology {
  std::vector<HardwareThread> threads;  ///< in the process's affinity mask; never empty
  int machine_threads = 0;              ///< hardware threads of the whole machine
  int physical_cores = 0;               ///< distinct cores among `threads`
  /// CPUs that the cgroup's quota allows (cpu.max, cpu.cfs_quota_us), if there is one: 2.5, say.
  std::optional<double> cpu_quota;

  /// How many workers can run at the same time: the allowed hardware threads, capped by the quota
  /// rounded down (at least 1).
  int usable_threads() const;
  /// Likewise for one worker a physical core.
  int usable_cores() const;

  /// `auto`: 1, 2, 4, ... up to all usable physical cores, then all usable hardware threads.
  std::vector<int> automatic_thread_counts() const;

  /// The CPU of each of `workers` workers (at least 1, or std::invalid_argument). `cores`: one
  /// worker a physical core before any SMT sibling; `threads`: a core's siblings first. Both take
  /// the faster kind of core first, fill one NUMA node before the next, and start again from the
  /// first CPU when there are more workers than hardware threads. `none`: no CPUs. Oversubscribed
  /// are more workers than usable_threads(): a quota stops a team as surely as a lack of CPUs.
  Placement place(int workers, Pin pin) const;

  /// The CPUs of `threads`, ascending.
  std::vector<int> allowed_cpus() const;

  /// The same machine for a process that may use only `cpus`. Throws std::invalid_argument when
  /// none of them is in `threads`.
  Topology restricted_to(const std::vector<int>& cpus) const;
};

/// Reads the machine as it is now, the affinity mask being the calling thread's: ask before binding
/// it. Where hwloc knows nothing (no /sys), every allowed CPU counts as a core of its own. Throws
/// std::runtime_error when the system does not tell the mask.
Topology detect_topology();

/// A topology made of hwloc's synthetic description ("node:2 core:4 pu:2") with all CPUs allowed
/// and no quota: for tests of machines that are not at hand. Throws std::invalid_argument.
Topology synthetic_topology(const std::string& description);

/// Binds the calling thread to one CPU, or to a set of which at least one must be allowed. Throws
/// std::runtime_error naming the CPU.
void bind_this_thread(int cpu);
void bind_this_thread(const std::vector<int>& cpus);

}  // namespace crossover
