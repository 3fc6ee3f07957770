#pragma once

#include "gpu/bulk_copy.cuh"
#include "gpu/thread.cuh"

/// The ladder of maps, y[i] = element(...), in place or not. Every step moves the same bytes; they
/// differ in how many instructions that takes and how many bytes are on their way at a time. By
/// Little's law a memory of bandwidth B and latency L needs B L bytes in flight: 4.8 TB/s and about
/// 0.7 us make 3.4 MB, 25 KiB on each of an H200's 132 multiprocessors.
namespace crossover::gpu {

inline constexpr unsigned kMapThreads = 256;

/// What lies before and behind the packs, by the first threads of block 0.
template <class Map, class W>
__device__ inline void map_edges(const Map& map, const Packed<W, Map::kArrays>& x) {
  if (blockIdx.x != 0) return;
  for_edges(x, [&](const auto& at) { at(0) = element_of(map, at); });
}

/// 1, `naive`: an element a thread. 4 or 8 bytes in flight a thread and array, and a thread's start
/// and end for each element.
template <class Map, class W>
__global__ void __launch_bounds__(kMapThreads) map_naive(Map map, Elements<W, Map::kArrays> x) {
  const std::uint64_t i = global_thread();
  if (i < x.size) x.at[0][i] = element_of(map, [&](int array) { return x.at[array][i]; });
}

/// 2, `grid-stride`: as many threads as the device holds, each with every grid_threads()-th
/// element. Saves the blocks' starts; should gain little, since hardware starts blocks fast, and
/// loses where a loop's trips wait for each other.
template <class Map, class W>
__global__ void __launch_bounds__(kMapThreads)
    map_grid_stride(Map map, Elements<W, Map::kArrays> x) {
  for (std::uint64_t i = global_thread(); i < x.size; i += grid_threads()) {
    x.at[0][i] = element_of(map, [&](int array) { return x.at[array][i]; });
  }
}

/// 3, `vector`: 16 bytes an access. A quarter (f32) of the load and store instructions, and four
/// times the bytes in flight for each.
template <class Map, class W>
__global__ void __launch_bounds__(kMapThreads) map_vector(Map map, Packed<W, Map::kArrays> x) {
  for (std::uint64_t i = global_thread(); i < x.packs; i += grid_threads()) {
    x.body[0][i] = element_of(map, [&](int array) { return x.body[array][i]; });
  }
  map_edges(map, x);
}

/// 4, `unrolled`: `kPacks` independent 16-byte loads of each array before the first store, in tiles
/// of blockDim.x * kPacks packs. A thread of `vector` waits for its load before it stores, and for
/// nothing else to do; here it has kPacks * 16 bytes in flight, and where an element takes a chain
/// of operations, kPacks packs' chains side by side.
///
/// The grid may have any number of blocks. `seen`, when not null, is told each block's
/// multiprocessor.
template <class Map, class W, int kPacks>
__global__ void __launch_bounds__(1024)
    map_unrolled(Map map, Packed<W, Map::kArrays> x, unsigned* seen) {
  note_multiprocessor(seen);
  const std::uint64_t tile = static_cast<std::uint64_t>(blockDim.x) * kPacks;
  const std::uint64_t step = gridDim.x * tile;
  for (std::uint64_t first = blockIdx.x * tile; first < x.packs; first += step) {
    const std::uint64_t mine = first + threadIdx.x;
    if (first + tile <= x.packs) {
      const auto packs = element_of(map, [&](int array) {
        Several<Pack<W>, kPacks> loaded;
#pragma unroll
        for (int k = 0; k < kPacks; ++k) loaded.at[k] = (x.body[array] + mine)[k * blockDim.x];
        return loaded;
      });
#pragma unroll
      for (int k = 0; k < kPacks; ++k) (x.body[0] + mine)[k * blockDim.x] = packs.at[k];
    } else {
      for (std::uint64_t i = mine; i < x.packs; i += blockDim.x) {
        x.body[0][i] = element_of(map, [&](int array) { return x.body[array][i]; });
      }
    }
  }
  map_edges(map, x);
}

/// How `bulk` cuts its work: a ring of `stages` stages in each block's shared memory, with a buffer
/// of `packs` packs for each of `inputs` arrays. In flight on a multiprocessor: blocks * stages *
/// inputs * packs * 16 bytes.
struct Ring {
  unsigned stages = 0;
  unsigned inputs = 0;
  unsigned packs = 0;  ///< a multiple of the threads of a block

  /// Dynamic shared memory of a block: the buffers and a barrier for each.
  std::size_t shared_bytes() const {
    return std::size_t{stages} * inputs * (std::size_t{packs} * 16 + sizeof(BulkBarrier));
  }
};

/// 5, `bulk`: compute capability 9.0 and newer. One thread asks the copy engine of its
/// multiprocessor for whole tiles, which arrive in shared memory without passing through registers;
/// the bytes in flight no longer depend on how many threads wait. Stores go straight from registers
/// in 16-byte accesses.
template <class Map, class W>
__global__ void __launch_bounds__(kMapThreads)
    map_bulk(Map map, Packed<W, Map::kArrays> x, Ring ring, unsigned* seen) {
  constexpr unsigned kInputs = Map::kInputs;
  constexpr int kFirst = Map::kArrays - Map::kInputs;
  note_multiprocessor(seen);
  auto* const buffers = reinterpret_cast<Pack<W>*>(dynamic_shared());
  auto* const full =
      reinterpret_cast<BulkBarrier*>(buffers + std::size_t{ring.stages} * kInputs * ring.packs);
  const auto buffer_of = [&](unsigned stage, unsigned input) {
    return buffers + std::size_t{stage * kInputs + input} * ring.packs;
  };
  if (threadIdx.x == 0) {
    for (unsigned i = 0; i < ring.stages * kInputs; ++i) bulk_init(full + i);
    bulk_init_done();
  }
  __syncthreads();

  const std::uint64_t tiles = (x.packs + ring.packs - 1) / ring.packs;
  const auto fetch = [&](std::uint64_t tile, unsigned stage) {
    const std::uint64_t first = tile * ring.packs;
    const std::uint64_t left = x.packs - first;
    const auto count = static_cast<unsigned>(left < ring.packs ? left : ring.packs);
#pragma unroll
    for (unsigned input = 0; input < kInputs; ++input) {
      bulk_load(buffer_of(stage, input), x.body[kFirst + input] + first, count * 16,
                full + stage * kInputs + input);
    }
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
#pragma unroll
    for (unsigned input = 0; input < kInputs; ++input) {
      bulk_wait(full + stage * kInputs + input, phase);
    }
    const std::uint64_t first = tile * ring.packs;
    const std::uint64_t left = x.packs - first;
    const unsigned count = static_cast<unsigned>(left < ring.packs ? left : ring.packs);
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) {
      x.body[0][first + i] = element_of(map, [&](int array) {
        return buffer_of(stage, static_cast<unsigned>(array - kFirst))[i];
      });
    }
    // The buffers are free once every thread has read them.
    __syncthreads();
    const std::uint64_t next = tile + static_cast<std::uint64_t>(ring.stages) * gridDim.x;
    if (threadIdx.x == 0 && next < tiles) fetch(next, stage);
    if (++stage == ring.stages) {
      stage = 0;
      phase ^= 1;
    }
  }
  map_edges(map, x);
}

}  // namespace crossover::gpu
