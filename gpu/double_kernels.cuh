#pragma once

#include "gpu/bulk_copy.cuh"
#include "gpu/thread.cuh"

/// The ladder of `double`, x[i] *= 2 in place. Every step moves the same 2 n sizeof(W) bytes; they
/// differ in how many instructions that takes and how many bytes are on their way at a time. By
/// Little's law a memory of bandwidth B and latency L needs B L bytes in flight: 4.8 TB/s and about
/// 0.7 us make 3.4 MB, 25 KiB on each of an H200's 132 multiprocessors.
namespace crossover::gpu {

inline constexpr unsigned kDoubleThreads = 256;

template <class W>
__device__ inline Pack<W> twice(Pack<W> pack) {
#pragma unroll
  for (int lane = 0; lane < Pack<W>::kLanes; ++lane) pack.at[lane] += pack.at[lane];
  return pack;
}

/// What lies before and behind the packs, by the first threads of block 0.
template <class W>
__device__ inline void double_edges(const Packed<W>& x) {
  if (blockIdx.x != 0) return;
  if (threadIdx.x < x.head_size) x.head[threadIdx.x] += x.head[threadIdx.x];
  if (threadIdx.x < x.tail_size) x.tail[threadIdx.x] += x.tail[threadIdx.x];
}

/// 1, `naive`: an element a thread. 4 or 8 bytes in flight a thread, and a thread's start and end
/// for each element.
template <class W>
__global__ void __launch_bounds__(kDoubleThreads) double_naive(W* x, std::uint64_t n) {
  const std::uint64_t i = global_thread();
  if (i < n) x[i] += x[i];
}

/// 2, `grid-stride`: as many threads as the device holds, each with every grid_threads()-th
/// element. Saves the blocks' starts; should gain little, since hardware starts blocks fast, and
/// loses where a loop's trips wait for each other.
template <class W>
__global__ void __launch_bounds__(kDoubleThreads) double_grid_stride(W* x, std::uint64_t n) {
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) x[i] += x[i];
}

/// 3, `vector`: 16 bytes an access. A quarter (f32) of the load and store instructions, and four
/// times the bytes in flight for each.
template <class W>
__global__ void __launch_bounds__(kDoubleThreads) double_vector(Packed<W> x) {
  for (std::uint64_t i = global_thread(); i < x.packs; i += grid_threads()) {
    x.body[i] = twice(x.body[i]);
  }
  double_edges(x);
}

/// 4, `unrolled`: `kPacks` independent 16-byte loads before the first store, in tiles of
/// blockDim.x * kPacks packs. A thread of `vector` waits for its load before it stores, and for
/// nothing else to do; here it has kPacks * 16 bytes in flight.
///
/// The grid may have any number of blocks. `seen`, when not null, is told each block's
/// multiprocessor.
template <class W, int kPacks>
__global__ void __launch_bounds__(1024) double_unrolled(Packed<W> x, unsigned* seen) {
  note_multiprocessor(seen);
  const std::uint64_t tile = static_cast<std::uint64_t>(blockDim.x) * kPacks;
  const std::uint64_t step = gridDim.x * tile;
  for (std::uint64_t first = blockIdx.x * tile; first < x.packs; first += step) {
    Pack<W>* const at = x.body + first + threadIdx.x;
    if (first + tile <= x.packs) {
      Pack<W> packs[kPacks];
#pragma unroll
      for (int k = 0; k < kPacks; ++k) packs[k] = at[k * blockDim.x];
#pragma unroll
      for (int k = 0; k < kPacks; ++k) at[k * blockDim.x] = twice(packs[k]);
    } else {
#pragma unroll
      for (int k = 0; k < kPacks; ++k) {
        if (first + threadIdx.x + k * blockDim.x < x.packs) {
          at[k * blockDim.x] = twice(at[k * blockDim.x]);
        }
      }
    }
  }
  double_edges(x);
}

/// How `bulk` cuts its work: a ring of `stages` buffers of `packs` packs in each block's shared
/// memory. In flight on a multiprocessor: blocks * stages * packs * 16 bytes.
struct Ring {
  unsigned stages = 0;
  unsigned packs = 0;  ///< a multiple of the threads of a block

  /// Dynamic shared memory of a block: the buffers and a barrier for each.
  std::size_t shared_bytes() const {
    return stages * (std::size_t{packs} * 16 + sizeof(BulkBarrier));
  }
};

/// 5, `bulk`: compute capability 9.0 and newer. One thread asks the copy engine of its
/// multiprocessor for whole tiles, which arrive in shared memory without passing through registers;
/// the bytes in flight no longer depend on how many threads wait. Stores go straight from registers
/// in 16-byte accesses.
template <class W>
__global__ void __launch_bounds__(kDoubleThreads)
    double_bulk(Packed<W> x, Ring ring, unsigned* seen) {
  note_multiprocessor(seen);
  auto* const buffers = reinterpret_cast<Pack<W>*>(dynamic_shared());
  auto* const full =
      reinterpret_cast<BulkBarrier*>(buffers + std::size_t{ring.stages} * ring.packs);
  if (threadIdx.x == 0) {
    for (unsigned stage = 0; stage < ring.stages; ++stage) bulk_init(full + stage);
    bulk_init_done();
  }
  __syncthreads();

  const std::uint64_t tiles = (x.packs + ring.packs - 1) / ring.packs;
  const auto fetch = [&](std::uint64_t tile, unsigned stage) {
    const std::uint64_t first = tile * ring.packs;
    const std::uint64_t left = x.packs - first;
    const auto count = static_cast<unsigned>(left < ring.packs ? left : ring.packs);
    bulk_load(buffers + std::size_t{stage} * ring.packs, x.body + first, count * 16, full + stage);
  };
  if (threadIdx.x == 0) {
    for (unsigned stage = 0; stage < ring.stages; ++stage) {
      const std::uint64_t tile = blockIdx.x + static_cast<std::uint64_t>(stage) * gridDim.x;
      if (tile < tiles) fetch(tile, stage);
    }
  }

  unsigned stage = 0;
  unsigned phase = 0;
  for (std::uint64_t tile = blockIdx.x; tile < tiles; tile += gridDim.x) {
    bulk_wait(full + stage, phase);
    const std::uint64_t first = tile * ring.packs;
    const Pack<W>* const buffer = buffers + std::size_t{stage} * ring.packs;
    const std::uint64_t left = x.packs - first;
    const unsigned count = static_cast<unsigned>(left < ring.packs ? left : ring.packs);
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) x.body[first + i] = twice(buffer[i]);
    // The buffer is free once every thread has read it.
    __syncthreads();
    const std::uint64_t next = tile + static_cast<std::uint64_t>(ring.stages) * gridDim.x;
    if (threadIdx.x == 0 && next < tiles) fetch(next, stage);
    if (++stage == ring.stages) {
      stage = 0;
      phase ^= 1;
    }
  }
  double_edges(x);
}

}  // namespace crossover::gpu
