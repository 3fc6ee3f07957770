#pragma once

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "gpu/device.hpp"

namespace crossover::gpu {

/// The shape of a grid: blocks in one dimension.
struct Shape {
  std::uint64_t blocks = 1;
  unsigned threads = 256;
  std::size_t shared_bytes = 0;  ///< dynamic shared memory a block
  /// Its blocks may begin before the kernel ahead in the stream has ended: the kernel itself waits
  /// for that end (wait_for_dependency()). Compute capability 9.0 and newer.
  bool dependent = false;
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
  cudaLaunchAttribute early{};
  early.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  early.val.programmaticStreamSerializationAllowed = 1;
  config.attrs = &early;
  config.numAttrs = shape.dependent ? 1 : 0;
  stream.device().check(cudaLaunchKernelEx(&config, kernel, arguments...), "launching a kernel");
}

constexpr std::uint64_t ceil_div(std::uint64_t a, std::uint64_t b) { return (a + b - 1) / b; }

/// The threads of a block that has a multiprocessor alone: as many as every device allows.
inline constexpr unsigned kAloneThreads = 1024;

/// Allows `kernel` the dynamic shared memory that the shape gives its blocks: above 48 KiB CUDA
/// wants to be asked.
template <class Kernel>
void allow_shared(const Device& device, Kernel kernel, const Shape& shape) {
  device.select();
  device.check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                    static_cast<int>(shape.shared_bytes)),
               "asking for shared memory");
}

/// Where there is a limit, makes `shape` one block on each of `limit` multiprocessors: every block
/// takes so much shared memory, more than half of a multiprocessor's, that no second one fits
/// beside it, so the hardware has to spread them. Allows `kernel` its shared memory. Returns what
/// note_multiprocessor() writes to; its data() is null where there is no limit.
template <class Kernel>
std::shared_ptr<DeviceArray<unsigned>> place(const Device& device, Kernel kernel, Shape& shape,
                                             int limit) {
  auto seen = std::make_shared<DeviceArray<unsigned>>();
  if (limit > 0) {
    const Properties& properties = device.properties();
    const auto half = static_cast<std::size_t>(properties.shared_per_multiprocessor) / 2 + 1;
    const auto most = static_cast<std::size_t>(properties.shared_per_block);
    shape.blocks = static_cast<std::uint64_t>(limit);
    shape.shared_bytes = std::min(std::max(shape.shared_bytes, half), most);
    *seen = DeviceArray<unsigned>(device, shape.blocks);
  }
  if (shape.shared_bytes > 0) allow_shared(device, kernel, shape);
  return seen;
}

/// As many blocks as run at a time, and no more than there is work for.
template <class Kernel>
Shape filling(const Device& device, Kernel kernel, Shape shape, std::uint64_t most) {
  device.select();
  int blocks = 0;
  device.check(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                   &blocks, kernel, static_cast<int>(shape.threads), shape.shared_bytes),
               "asking for the occupancy");
  const int resident = std::max(blocks, 1) * device.properties().multiprocessors;
  shape.blocks = std::clamp<std::uint64_t>(most, 1, static_cast<std::uint64_t>(resident));
  return shape;
}

}  // namespace crossover::gpu
