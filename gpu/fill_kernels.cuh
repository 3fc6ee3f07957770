#pragma once

#include "common/random.hpp"
#include "common/workloads/reference.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

/// The workloads' inputs, by the functions that the host fills and verifies with.
namespace crossover::gpu {

/// Elements [first, first + count) of array `array`, in each of `sets` sets, `stride` words apart.
template <class Workload, class T>
__global__ void fill_input(Workload work, int array, BitsOf<T>* x, std::uint64_t first,
                           std::uint64_t count, std::uint64_t sets, std::uint64_t stride,
                           std::uint32_t salt) {
  for (std::uint64_t i = global_thread(); i < count * sets; i += grid_threads()) {
    const std::uint64_t set = i / count;
    const std::uint64_t at = i % count;
    const std::uint64_t index = first + at;
    const bool salted = Workload::kPattern != Pattern::sum || index < kSalted;
    const crossover::Stream stream = array_stream(array, index, salted ? salt_of(salt, set) : 0);
    x[set * stride + at] =
        work.template input<T>(stream.template bits<BitsOf<T>>(static_cast<std::uint32_t>(index)));
  }
}

}  // namespace crossover::gpu
