#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>

#include "gpu/device.hpp"

namespace crossover::gpu {

/// The shape of a grid: blocks in one dimension.
struct Shape {
  std::uint64_t blocks = 1;
  unsigned threads = 256;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory a block
};

/// The most blocks that CUDA takes in the first dimension.
inline constexpr std::uint64_t kMostBlocks = 0x7fffffff;

/// Puts `kernel` into `stream`. Throws as Device::check.
template <class... Parameters>
void launch(const Stream& stream, void (*kernel)(Parameters...), const Shape& shape,
            std::type_identity_t<Parameters>... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(shape.blocks));
  config.blockDim = dim3(shape.threads);
  config.dynamicSmemBytes = shape.shared_bytes;
  config.stream = stream.get();
  stream.device().check(cudaLaunchKernelEx(&config, kernel, arguments...), "launching a kernel");
}

/// How many blocks of `shape` run on one multiprocessor at a time; at least 1.
template <class Kernel>
int blocks_per_multiprocessor(const Device& device, Kernel kernel, const Shape& shape) {
  device.select();
  int blocks = 0;
  device.check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                   &blocks, kernel, static_cast<int>(shape.threads), shape.shared_bytes),
               "asking for the occupancy");
  return std::max(blocks, 1);
}

/// Allows `kernel` as much dynamic shared memory as `bytes`; above 48 KiB CUDA wants to be asked.
template <class Kernel>
void allow_shared(const Device& device, Kernel kernel, std::size_t bytes) {
  device.select();
  device.check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(bytes)),
               "asking for shared memory");
}

constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

}  // namespace crossover::gpu
