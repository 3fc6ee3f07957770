#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <type_traits>

#include "common/element.hpp"
#include "common/random.hpp"

/// What kernels share: indices, 16-byte accesses, shared memory, the multiprocessor's number. In
/// the tests the same source runs on the CPU under the emulation's cuda_runtime.h.
namespace crossover::gpu {

/// `T`, or for integers the unsigned type of its width: arithmetic that wraps by definition.
template <class T>
using Word = std::conditional_t<std::is_floating_point_v<T>, T, BitsOf<T>>;

/// What words are summed in: double precision, or the integer itself.
template <class W>
using TotalOf = std::conditional_t<std::is_floating_point_v<W>, double, W>;

/// 16 bytes, the widest access of one thread up to compute capability 9.0.
template <class W>
struct alignas(16) Pack {
  static constexpr int kLanes = 16 / sizeof(W);
  W at[kLanes];
};

/// An array cut where 16-byte accesses can start and must end. Elements before the first multiple
/// of 16 bytes are the head, those after the last whole pack the tail: fewer than a pack each.
template <class W>
struct Packed {
  using Body = std::conditional_t<std::is_const_v<W>, const Pack<std::remove_const_t<W>>, Pack<W>>;
  W* head = nullptr;
  Body* body = nullptr;
  W* tail = nullptr;
  std::uint64_t packs = 0;
  unsigned head_size = 0;
  unsigned tail_size = 0;
};

/// Cuts `size` words at `data`, which is aligned to sizeof(W).
template <class W>
Packed<W> packed(W* data, std::uint64_t size) {
  constexpr std::uint64_t kLanes = 16 / sizeof(W);
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const std::uint64_t to_boundary = (16 - address % 16) % 16 / sizeof(W);
  const std::uint64_t head = to_boundary < size ? to_boundary : size;
  const std::uint64_t packs = (size - head) / kLanes;
  Packed<W> result;
  result.head = data;
  result.head_size = static_cast<unsigned>(head);
  result.body = reinterpret_cast<typename Packed<W>::Body*>(data + head);
  result.packs = packs;
  result.tail = data + head + packs * kLanes;
  result.tail_size = static_cast<unsigned>(size - head - packs * kLanes);
  return result;
}

/// The mask of a whole warp.
inline constexpr unsigned kAllLanes = 0xffffffffU;

/// The thread's number in the grid. In 64 bits: 32 overflow from 2^32 elements on, and the product
/// of two unsigned ints is one before it is assigned to anything wider.
__device__ inline std::uint64_t global_thread() {
  return static_cast<std::uint64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
}
__device__ inline std::uint64_t grid_threads() {
  return static_cast<std::uint64_t>(gridDim.x) * blockDim.x;
}

#ifdef __CUDACC__

/// The block's shared array of `kSize` elements: one for each `Tag`, a type that names its use.
template <class T, int kSize, class Tag>
__device__ T* shared_array() {
  __shared__ T array[kSize];
  return array;
}

/// The block's dynamic shared memory.
__device__ inline unsigned char* dynamic_shared() {
  extern __shared__ __align__(128) unsigned char memory[];
  return memory;
}

/// %smid: the multiprocessor that the block runs on.
__device__ inline unsigned multiprocessor_id() {
  unsigned id;
  asm volatile("mov.u32 %0, %%smid;" : "=r"(id));
  return id;
}

/// The device's clock in nanoseconds; its resolution is about a microsecond.
__device__ inline std::uint64_t nanoseconds() {
  std::uint64_t now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  return now;
}

#else

template <class T, int kSize, class Tag>
T* shared_array() {
  static const char key = 0;
  return static_cast<T*>(emulation::shared_array(&key, kSize * sizeof(T)));
}
inline unsigned char* dynamic_shared() {
  return static_cast<unsigned char*>(emulation::dynamic_shared());
}
inline unsigned multiprocessor_id() { return emulation::multiprocessor_id(); }
inline std::uint64_t nanoseconds() { return emulation::nanoseconds(); }

#endif

__device__ inline void add_atomically(double* to, double value) { atomicAdd(to, value); }
__device__ inline void add_atomically(std::uint32_t* to, std::uint32_t value) {
  atomicAdd(to, value);
}
__device__ inline void add_atomically(std::uint64_t* to, std::uint64_t value) {
  // CUDA knows the 64 bits by another name.
  atomicAdd(reinterpret_cast<unsigned long long*>(to), static_cast<unsigned long long>(value));
}

/// Leaves a note of where the block runs, for a grid whose placement is to be checked.
__device__ inline void note_multiprocessor(unsigned* seen) {
  if (seen != nullptr && threadIdx.x == 0) seen[blockIdx.x] = multiprocessor_id();
}

}  // namespace crossover::gpu
