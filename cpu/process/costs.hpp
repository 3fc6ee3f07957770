#pragma once

#include <memory>

#include "common/model.hpp"

/// The workloads `count` and `create` by processes (`switch` is in cpu/switch.hpp).
namespace crossover::cpu {

/// `mutex`, a robust one that processes share, and `atomic`, both in shared memory, by the workers
/// of a pool. Throws Unavailable.
std::unique_ptr<Operation> make_process_count(const Configuration& configuration,
                                              const Placement& placement);

/// `fork`: children that end at once. `posix-spawn`: /bin/true. Both are born anywhere on the
/// team's CPUs, all of them before the first is waited for. `shm`: a pool's workers are told to do
/// nothing. Throws Unavailable.
std::unique_ptr<Operation> make_process_create(const Configuration& configuration,
                                               const Placement& placement);

}  // namespace crossover::cpu
