#pragma once

#include "gpu/thread.cuh"

namespace crossover::gpu {

/// Holds its stream until the host has stored `epoch` or more at `release`, so that what is behind
/// it is queued when the first event fires. Gives up after `limit_ns`, and says so at `gave_up`: a
/// host that waits for a place in the queue would wait for ever.
__global__ void hold_stream(const volatile unsigned* release, unsigned epoch,
                            std::uint64_t limit_ns, unsigned* gave_up);

/// Keeps every multiprocessor busy for `duration_ns`, so that clocks climb to where they stay.
__global__ void keep_busy(std::uint64_t duration_ns);

}  // namespace crossover::gpu
