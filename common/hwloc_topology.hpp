#pragma once

#include <hwloc.h>

#include <memory>

namespace crossover {

struct HwlocDestroy {
  void operator()(hwloc_topology* topology) const { hwloc_topology_destroy(topology); }
};
using HwlocTopology = std::unique_ptr<hwloc_topology, HwlocDestroy>;

/// The whole machine as hwloc sees it, with the CPUs that this process may not use and with
/// instruction caches; or the machine that `synthetic` describes. Null when hwloc cannot.
HwlocTopology load_hwloc(const char* synthetic = nullptr);

}  // namespace crossover
