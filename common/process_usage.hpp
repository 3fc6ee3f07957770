#pragma once

#include <cstdint>
#include <optional>

#include "common/limits.hpp"

namespace crossover {

/// What a process has used so far, its children not included.
struct ProcessUsage {
  double cpu_s = 0;
  double involuntary_switches = 0;
  std::uint64_t wait_ns = 0;  ///< ready to run, waiting for a CPU: of its first thread
  std::uint64_t turns = 0;    ///< on a CPU: of its first thread
};

/// Of a running process, of this user's at least; nothing when it has ended. What the system does
/// not tell is 0. Takes some 20 us.
std::optional<ProcessUsage> process_usage(int process, const SystemRoot& root = {});

}  // namespace crossover
