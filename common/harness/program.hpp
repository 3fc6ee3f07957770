#pragma once

#include <string>
#include <vector>

#include "common/fingerprint.hpp"
#include "common/harness/model_list.hpp"
#include "common/harness/peak.hpp"

namespace crossover {

/// What is measured of the machine besides the plan; each may be empty.
struct Probes {
  MeasurePeak peak;
  TakeFingerprint fingerprint;
};

/// The whole program on `arguments` (without its name) with these models: reads the command line,
/// measures, writes results and summary. The first model is the one that the others are compared
/// with. Returns the exit status: 0 done, 1 a result failed
/// verification, 2 the command line is wrong, 3 the system refused, 130 interrupted. Call
/// it before any thread is started.
int run_program(const std::vector<std::string>& arguments, const Models& models,
                const Probes& probes = {});

}  // namespace crossover
