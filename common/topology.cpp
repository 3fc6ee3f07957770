#include "common/topology.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cmath>
#include <cstring>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <tuple>

#include "common/hwloc_topology.hpp"
#include "common/limits.hpp"

namespace crossover {
namespace {

/// More than any kernel is built for (x86: 8192), less than what would exhaust memory.
constexpr int kMostCpus = 1 << 20;

/// A CPU mask of any size, as many sets one behind the other: one ends at 1024.
using CpuMask = std::vector<cpu_set_t>;

std::size_t bytes(const CpuMask& mask) { return mask.size() * sizeof(cpu_set_t); }

std::vector<int> affinity() {
  // The kernel refuses with EINVAL a mask that is shorter than its own.
  for (std::size_t cpus = CPU_SETSIZE; cpus <= kMostCpus; cpus *= 2) {
    CpuMask mask(cpus / CPU_SETSIZE);
    if (sched_getaffinity(0, bytes(mask), mask.data()) == 0) {
      std::vector<int> members;
      for (std::size_t cpu = 0; cpu < cpus; ++cpu) {
        if (CPU_ISSET_S(cpu, bytes(mask), mask.data())) members.push_back(static_cast<int>(cpu));
      }
      return members;
    }
    if (errno != EINVAL) break;
  }
  throw std::runtime_error(
      fmt::format("cannot read this process's CPU affinity mask: {}", std::strerror(errno)));
}

/// Numbers the threads of each core and counts the cores.
void number_siblings(Topology& topology) {
  std::map<int, int> seen;
  for (auto& thread : topology.threads) thread.smt_rank = seen[thread.core]++;
  topology.physical_cores = static_cast<int>(seen.size());
}

/// The kind of each CPU by hwloc's ranking (frequencies, capacities, Intel's and ARM's core types),
/// the fastest being 0; empty when there is one kind or no ranking.
std::map<int, int> cpu_kinds(hwloc_topology_t hwloc) {
  std::map<int, int> kinds;
  const int count = hwloc_cpukinds_get_nr(hwloc, 0);
  for (int i = 0; count > 1 && i < count; ++i) {
    const std::unique_ptr<hwloc_bitmap_s, decltype(&hwloc_bitmap_free)> cpus(hwloc_bitmap_alloc(),
                                                                             hwloc_bitmap_free);
    int efficiency = -1;  // 0 for the kind that saves most power; unknown for all or for none
    if (hwloc_cpukinds_get_info(hwloc, static_cast<unsigned>(i), cpus.get(), &efficiency, nullptr,
                                nullptr, 0) != 0 ||
        efficiency < 0) {
      return {};
    }
    for (int cpu = hwloc_bitmap_first(cpus.get()); cpu >= 0;
         cpu = hwloc_bitmap_next(cpus.get(), cpu)) {
      kinds[cpu] = count - 1 - efficiency;
    }
  }
  return kinds;
}

int index_of_ancestor(hwloc_topology_t hwloc, hwloc_obj_type_t type, hwloc_obj_t object,
                      int otherwise) {
  const auto* ancestor = hwloc_get_ancestor_obj_by_type(hwloc, type, object);
  return ancestor == nullptr ? otherwise : static_cast<int>(ancestor->logical_index);
}

/// All hardware threads of the machine, in hwloc's logical order.
Topology read_hwloc(hwloc_topology_t hwloc) {
  Topology topology;
  const auto kinds = cpu_kinds(hwloc);
  for (hwloc_obj_t unit = nullptr;
       (unit = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_PU, unit)) != nullptr;) {
    HardwareThread thread;
    thread.cpu = static_cast<int>(unit->os_index);
    // Some virtual machines describe no cores: then every hardware thread is one.
    thread.core =
        index_of_ancestor(hwloc, HWLOC_OBJ_CORE, unit, static_cast<int>(unit->logical_index));
    thread.package = index_of_ancestor(hwloc, HWLOC_OBJ_PACKAGE, unit, 0);
    thread.numa_node =
        unit->nodeset == nullptr ? 0 : std::max(0, hwloc_bitmap_first(unit->nodeset));
    const auto kind = kinds.find(thread.cpu);
    thread.kind = kind == kinds.end() ? 0 : kind->second;
    topology.threads.push_back(thread);
  }
  topology.machine_threads = static_cast<int>(topology.threads.size());
  number_siblings(topology);
  return topology;
}

/// "0-3,8"
std::string list_of(std::vector<int> cpus) {
  std::sort(cpus.begin(), cpus.end());
  std::string text;
  for (std::size_t first = 0; first < cpus.size();) {
    std::size_t last = first;
    while (last + 1 < cpus.size() && cpus[last + 1] <= cpus[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", cpus[first]);
    if (cpus[last] != cpus[first]) text += fmt::format("-{}", cpus[last]);
    first = last + 1;
  }
  return text;
}

[[noreturn]] void cannot_bind(const std::string& what, int error) {
  throw std::runtime_error(fmt::format(
      "cannot bind a thread to {}: {}", what,
      error == EINVAL ? "it is offline, does not exist, or this process may not use it (taskset "
                        "and cpusets decide)"
                      : std::strerror(error)));
}

/// `what` names the CPUs in a message.
template <class What>
void bind_to(std::span<const int> cpus, What&& what) {
  const auto [least, most] = std::minmax_element(cpus.begin(), cpus.end());
  if (*least < 0 || *most >= kMostCpus) cannot_bind(what(), EINVAL);
  CpuMask mask(static_cast<std::size_t>(*most) / CPU_SETSIZE + 1);
  for (const int cpu : cpus) CPU_SET_S(static_cast<std::size_t>(cpu), bytes(mask), mask.data());
  if (sched_setaffinity(0, bytes(mask), mask.data()) != 0) cannot_bind(what(), errno);
}

}  // namespace

HwlocTopology load_hwloc(const char* synthetic) {
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  HwlocTopology hwloc(raw);
  if (synthetic != nullptr && hwloc_topology_set_synthetic(raw, synthetic) != 0) return nullptr;
  hwloc_topology_set_flags(raw, HWLOC_TOPOLOGY_FLAG_INCLUDE_DISALLOWED);
  hwloc_topology_set_icache_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_ALL);
  if (hwloc_topology_load(raw) != 0) return nullptr;
  return hwloc;
}

int Topology::usable_threads() const {
  const double quota = std::max(1.0, std::floor(cpu_quota.value_or(INT_MAX)));
  return static_cast<int>(std::min(static_cast<double>(threads.size()), quota));
}

int Topology::usable_cores() const { return std::min(physical_cores, usable_threads()); }

std::vector<int> Topology::automatic_thread_counts() const {
  std::vector<int> counts;
  for (int count = 1; count < usable_cores(); count *= 2) counts.push_back(count);
  counts.push_back(usable_cores());
  if (usable_threads() > usable_cores()) counts.push_back(usable_threads());
  return counts;
}

Placement Topology::place(int workers, Pin pin) const {
  if (workers < 1) {
    throw std::invalid_argument(fmt::format("{} workers: a team needs at least 1", workers));
  }
  Placement placement;
  placement.allowed = allowed_cpus();
  placement.oversubscribed = workers > usable_threads();
  if (pin == Pin::none) return placement;

  auto order = threads;
  std::stable_sort(order.begin(), order.end(),
                   [pin](const HardwareThread& a, const HardwareThread& b) {
                     const auto key = [pin](const HardwareThread& thread) {
                       const int siblings_last = pin == Pin::cores ? thread.smt_rank : 0;
                       return std::tuple(siblings_last, thread.kind, thread.numa_node, thread.core,
                                         thread.smt_rank);
                     };
                     return key(a) < key(b);
                   });
  for (std::size_t worker = 0; worker < static_cast<std::size_t>(workers); ++worker) {
    placement.cpus.push_back(order[worker % order.size()].cpu);
  }
  return placement;
}

std::vector<int> Topology::allowed_cpus() const {
  std::vector<int> cpus;
  for (const auto& thread : threads) cpus.push_back(thread.cpu);
  std::sort(cpus.begin(), cpus.end());
  return cpus;
}

Topology Topology::restricted_to(const std::vector<int>& cpus) const {
  const std::set<int> wanted(cpus.begin(), cpus.end());
  auto restricted = *this;
  std::erase_if(restricted.threads,
                [&wanted](const HardwareThread& thread) { return !wanted.contains(thread.cpu); });
  if (restricted.threads.empty()) {
    throw std::invalid_argument(fmt::format("none of the CPUs {} is among the allowed ones, {}",
                                            list_of(cpus), list_of(allowed_cpus())));
  }
  number_siblings(restricted);
  return restricted;
}

Topology detect_topology() {
  const auto allowed = affinity();
  const auto hwloc = load_hwloc();
  auto machine = hwloc ? read_hwloc(hwloc.get()) : Topology{};

  // Without /sys, hwloc guesses CPUs 0, 1, 2, ...: whatever else the mask names exists all the
  // same.
  const auto known = machine.allowed_cpus();
  int next_core = 0;
  for (const auto& thread : machine.threads) next_core = std::max(next_core, thread.core + 1);
  for (const int cpu : allowed) {
    if (std::binary_search(known.begin(), known.end(), cpu)) continue;
    HardwareThread thread;
    thread.cpu = cpu;
    thread.core = next_core++;
    machine.threads.push_back(thread);
  }
  machine.machine_threads = static_cast<int>(machine.threads.size());

  auto topology = machine.restricted_to(allowed);
  topology.cpu_quota = crossover::cpu_quota();
  return topology;
}

Topology synthetic_topology(const std::string& description) {
  const auto hwloc = load_hwloc(description.c_str());
  if (!hwloc) {
    throw std::invalid_argument("'" + description + "' is not a synthetic topology of hwloc");
  }
  return read_hwloc(hwloc.get());
}

void bind_this_thread(int cpu) {
  const auto what = [cpu] { return fmt::format("CPU {}", cpu); };
  if (cpu < 0 || cpu >= CPU_SETSIZE) return bind_to({&cpu, 1}, what);
  cpu_set_t set{};  // nothing is allocated: a model may do this inside its clock
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  if (sched_setaffinity(0, sizeof(set), &set) != 0) cannot_bind(what(), errno);
}

void bind_this_thread(const std::vector<int>& cpus) {
  if (cpus.empty()) throw std::runtime_error("cannot bind a thread to an empty set of CPUs");
  bind_to(cpus, [&cpus] { return "any of the CPUs " + list_of(cpus); });
}

}  // namespace crossover
