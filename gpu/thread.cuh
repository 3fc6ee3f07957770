#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "common/element.hpp"
#include "common/workloads/pattern.hpp"

/// What kernels share: indices, 16-byte accesses, shared memory, the multiprocessor's number. In
/// the tests the same source runs on the CPU under the emulation's cuda_runtime.h.
namespace crossover::gpu {

/// What words are summed in: double precision, or the integer itself.
template <class W>
using TotalOf = std::conditional_t<std::is_floating_point_v<W>, double, W>;

/// `kCount` values side by side, which a workload's element() takes like one: each operation is
/// done on all of them, so that chains of operations have one another's waits to work in.
template <class V, int kCount>
struct alignas(alignof(V) > 16 / kCount ? alignof(V) : alignof(V) * kCount) Several {
  using Lane = crossover::Lane<V>;
  V at[kCount];

  Several() = default;
  /// The same value everywhere.
  __device__ Several(Lane value) {
#pragma unroll
    for (int i = 0; i < kCount; ++i) at[i] = value;
  }

  __device__ friend Several operator+(const Several& a, const Several& b) {
    return each(a, b, [](const V& x, const V& y) { return x + y; });
  }
  __device__ friend Several operator-(const Several& a, const Several& b) {
    return each(a, b, [](const V& x, const V& y) { return x - y; });
  }
  __device__ friend Several operator*(const Several& a, const Several& b) {
    return each(a, b, [](const V& x, const V& y) { return x * y; });
  }

 private:
  template <class Do>
  __device__ static Several each(const Several& a, const Several& b, const Do& make) {
    Several result;
#pragma unroll
    for (int i = 0; i < kCount; ++i) result.at[i] = make(a.at[i], b.at[i]);
    return result;
  }
};

/// 16 bytes, the widest access of one thread up to compute capability 9.0.
template <class W>
using Pack = Several<W, 16 / sizeof(W)>;

/// element() of what `load(array)` gives for each array that is read.
template <class Work, class Load, int... kInput>
__device__ inline auto element_of(const Work& work, const Load& load,
                                  std::integer_sequence<int, kInput...>) {
  constexpr int kFirst = Work::kPattern == Pattern::map_into ? 1 : 0;
  return work.element(load(kFirst + kInput)...);
}
template <class Work, class Load>
__device__ inline auto element_of(const Work& work, const Load& load) {
  return element_of(work, load, std::make_integer_sequence<int, Work::kInputs>{});
}

/// The arrays of a workload, element by element.
template <class W, int kArrays>
struct Elements {
  W* at[kArrays];
  std::uint64_t size;
};

/// The arrays cut where 16-byte accesses can start and must end. Elements before the first multiple
/// of 16 bytes are the head, those after the last whole pack the tail: fewer than a pack each.
template <class W, int kArrays>
struct Packed {
  Pack<W>* body[kArrays];
  std::uint64_t packs;
  unsigned head_size;
  unsigned tail_size;
};

/// Cuts them. All start equally far from a multiple of 16 bytes.
template <class W, int kArrays>
Packed<W, kArrays> packed(const Elements<W, kArrays>& x) {
  constexpr std::uint64_t kLanes = 16 / sizeof(W);
  const auto beyond = [&](int array) { return reinterpret_cast<std::uintptr_t>(x.at[array]) % 16; };
  const std::uint64_t to_boundary = (16 - beyond(0)) % 16 / sizeof(W);
  const std::uint64_t head = to_boundary < x.size ? to_boundary : x.size;
  Packed<W, kArrays> result;
  for (int array = 0; array < kArrays; ++array) {
    if (beyond(array) != beyond(0)) throw std::invalid_argument("arrays are not aligned alike");
    result.body[array] = reinterpret_cast<Pack<W>*>(x.at[array] + head);
  }
  result.packs = (x.size - head) / kLanes;
  result.head_size = static_cast<unsigned>(head);
  result.tail_size = static_cast<unsigned>(x.size - head - result.packs * kLanes);
  return result;
}

/// Calls `one(load)` in those threads of a block that have an element before or behind the packs to
/// do; load(array) is a reference to it.
template <class W, int kArrays, class One>
__device__ inline void for_edges(const Packed<W, kArrays>& x, const One& one) {
  if (threadIdx.x < x.head_size) {
    one([&](int array) -> W& {
      return (reinterpret_cast<W*>(x.body[array]) - x.head_size)[threadIdx.x];
    });
  }
  if (threadIdx.x < x.tail_size) {
    one([&](int array) -> W& {
      return reinterpret_cast<W*>(x.body[array] + x.packs)[threadIdx.x];
    });
  }
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

/// Of a kernel that may begin before the one ahead of it in the stream has ended (a programmatic
/// dependent launch, compute capability 9.0 and newer; CUDA Programming Guide, "Programmatic
/// Dependent Launch"): returns when that one has ended and its results can be read. Before it, no
/// thread may touch what another kernel reads or writes.
__device__ inline void wait_for_dependency() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

/// Allows the next kernel to begin as soon as there is room for its blocks; it waits for this one's
/// end by itself.
__device__ inline void let_dependents_begin() {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 900
  asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
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
using emulation::wait_for_dependency;
inline void let_dependents_begin() {}

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
