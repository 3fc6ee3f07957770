#pragma once

#include "common/doubling.hpp"
#include "common/reduction.hpp"
#include "gpu/thread.cuh"

/// The workloads' inputs, by the functions that the host fills and verifies with.
namespace crossover::gpu {

template <class T>
__global__ void double_input(BitsOf<T>* x, std::uint64_t first, std::uint64_t count,
                             std::uint32_t salt) {
  for (std::uint64_t i = global_thread(); i < count; i += grid_threads()) {
    const std::uint64_t index = first + i;
    x[i] = doubling::expected_bits<T>(crossover::Stream(index, salt),
                                      static_cast<std::uint32_t>(index), 0);
  }
}

template <class T>
__global__ void sum_input(BitsOf<T>* x, std::uint64_t first, std::uint64_t count,
                          std::uint32_t salt) {
  for (std::uint64_t i = global_thread(); i < count; i += grid_threads()) {
    const std::uint64_t index = first + i;
    const crossover::Stream stream(index, index < reduction::kSalted ? salt : 0);
    x[i] = reduction::element_bits<T>(stream, static_cast<std::uint32_t>(index));
  }
}

}  // namespace crossover::gpu
