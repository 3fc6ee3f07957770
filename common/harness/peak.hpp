#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <vector>

#include "common/harness/plan.hpp"

namespace crossover {

/// The rate at which the CPUs compute where no memory holds them up, one thread on each of `cpus`:
/// 1e9 floating-point operations a second, all together. Takes a fraction of a second.
using MeasurePeak = std::function<double(ElementType type, const std::vector<int>& cpus)>;

/// Adds cpu.measured_peak_gflops to a machine's description, {type: {worker count: rate}} of one
/// worker and of one a physical core, where the plan has a workload on CPUs that goes from bound by
/// memory to bound by arithmetic: one of a family. Without `measure` it does nothing.
void add_measured_peak(nlohmann::ordered_json& machine, const std::vector<Planned>& plan,
                       const Topology& topology, const MeasurePeak& measure);

}  // namespace crossover
