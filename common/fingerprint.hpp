#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace crossover {

/// How fast a machine's parts are just now, whatever is measured on it: where two runs differ in
/// this, they differ in the machine's state and not in the program. (A host may move the virtual
/// CPUs of a machine apart: a line then takes two to four times as long from one to the other.)
struct Fingerprint {
  /// The clock of the first worker's CPU, by additions that wait for one another, of which a core
  /// does one a cycle.
  double clock_ghz = 0;
  /// From the first worker's CPU to another one a cache line takes so long, one way.
  struct HandOver {
    int cpu = 0;
    double ns = 0;
  };
  std::vector<HandOver> hand_overs;  ///< to at most eight; without those that did not answer
  /// Of one core, on memory that this process has just got.
  struct Memory {
    std::uint64_t bytes = 0;
    double read_gb_per_s = 0;
    double latency_ns = 0;  ///< of a load whose address the one before has brought
  };
  std::optional<Memory> memory;  ///< none where there was no room
};

/// Takes one on the CPUs of a team's workers, the first worker's first. Takes a quarter of a
/// second.
using TakeFingerprint = std::function<Fingerprint(const std::vector<int>& cpus)>;

}  // namespace crossover
