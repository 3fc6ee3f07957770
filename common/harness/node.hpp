#pragma once

#include "common/fleet.hpp"
#include "common/harness/peak.hpp"

namespace crossover {

/// The whole program on a node of a fleet other than node 0: plans and measures what node 0 asks
/// for and sends it each row. Prints nothing; what went wrong is node 0's to say. Returns 0. Call
/// it before any thread is started.
int run_node(const Models& models, Fleet& fleet, const MeasurePeak& measure_peak);

}  // namespace crossover
