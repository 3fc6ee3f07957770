#pragma once

#include "gpu/ring.cuh"
#include "gpu/thread.cuh"

/// The ladder of maps, y[i] = element(...), in place or not. Every step moves the same bytes; they
/// differ in how many instructions that takes, how many bytes are on their way at a time, and who
/// hands out the work. By Little's law a memory of bandwidth B and latency L needs B L bytes in
/// flight: 4.8 TB/s and about 0.7 us make 3.4 MB, 25 KiB on each of an H200's 132 multiprocessors.
/// That is the least, not the best: on an H100 every step from `vector` on has enough in flight,
/// and from memory the one that gives each block the fewest bytes is the fastest.
///
/// The figures at the steps are `double` on f32, in place, on one H100 80GB HBM3 (3,352 GB/s, L2 of
/// 50 MiB, CUDA 13.0): the device's time, launches back to back, medians of 9 turns, and CUB's
/// DeviceTransform's time over it in brackets: above 1 is faster than CUB.
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
/// times the bytes in flight for each. Where the data lies in the second-level cache, nothing is
/// faster: 4 Mi elements 6.77 us (1.233), 8 Mi 14.03 us (1.199); from memory it pays for its loop:
/// 256 Mi 762.2 us (0.938).
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
/// of operations, kPacks packs' chains side by side. That is what it is for: with 4 packs 4 Mi
/// elements take 7.39 us (1.13) and 256 Mi 721.7 us (0.990), behind `vector` and `pack`, and
/// 8 packs differ from that by less than 2 %; but `copy` of 4 Mi in the cache takes 7.33 us (1.24),
/// and fma1024 on 64 Mi elements reached 0.97 of an H200's peak in one sample.
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

/// 5, `pack`: one pack a thread, a block for each blockDim.x of them, and no loop. As little work a
/// block as it can have: hardware starts the next one where one has ended, so all multiprocessors
/// end together. 1 Ki to 64 Ki elements 1.93 to 1.95 us (1.23 to 1.25), 1 Mi 2.95 us (1.11); 256 Mi
/// 712.8 us (1.003), with 1024 threads a block 708.5 us (1.009).
///
/// `kDependent`: launched before the kernel ahead has ended. It waits for that end before its first
/// access, so that a chain of operations stays one; what is saved is the gap between launches. 1 Ki
/// 0.91 us (2.61), 64 Ki 0.97 us (2.52), 1 Mi 1.96 us (1.67), 256 Mi 712.2 us (1.004).
template <class Map, class W, bool kDependent>
__global__ void __launch_bounds__(1024) map_pack(Map map, Packed<W, Map::kArrays> x) {
  if constexpr (kDependent) {
    wait_for_dependency();
    let_dependents_begin();
  }
  const std::uint64_t i = global_thread();
  if (i < x.packs) {
    x.body[0][i] = element_of(map, [&](int array) { return x.body[array][i]; });
  }
  map_edges(map, x);
}

/// 6, `bulk`: compute capability 9.0 and newer. One thread asks the copy engine of its
/// multiprocessor for whole tiles, which arrive in shared memory without passing through registers;
/// the bytes in flight no longer depend on how many threads wait. Stores go straight from registers
/// in 16-byte accesses. So a multiprocessor needs one block only, which is why `spread` uses it;
/// but where all work, blocks that share out the tiles by themselves end apart: 256 Mi 744.2 us
/// (0.961).
///
/// The grid may have any number of blocks. `seen` as in map_unrolled().
template <class Map, class W>
__global__ void __launch_bounds__(kMapThreads)
    map_bulk(Map map, Packed<W, Map::kArrays> x, Ring ring, unsigned* seen) {
  note_multiprocessor(seen);
  for_tiles_of_ring<Map>(x, ring, [&](std::uint64_t first, unsigned count, const auto& buffer) {
    for (unsigned i = threadIdx.x; i < count; i += blockDim.x) {
      x.body[0][first + i] = element_of(map, [&](int array) { return buffer(array)[i]; });
    }
  });
  map_edges(map, x);
}

/// Dynamic shared memory of a block of `tile`: a pack a thread of each array that is read, and a
/// barrier for each.
template <class Map>
constexpr std::size_t tile_shared_bytes(unsigned threads) {
  return Map::kInputs * (std::size_t{threads} * 16 + sizeof(BulkBarrier));
}

/// 7, `tile`: compute capability 9.0 and newer. Both lessons together: the copy engine brings a
/// block its tile, and a tile is as small as a block's threads can take with one pack each. 4 KiB
/// and 256 threads: 16 Mi elements 47.48 us (1.010), 64 Mi 179.1 us (1.011), 256 Mi 707.0 us
/// (1.011), 3,038 GB/s. Tiles of 8 to 32 KiB and stores by bulk copy are slower (0.98 to 1.006);
/// CUB has tiles of 6 KiB and stores 4 bytes at a time. `copy` takes 703.2 us with 512 threads,
/// 706.7 us with 256; CUB 712.0 us, a device-to-device copy 712.3 us.
///
/// `kDependent` as in map_pack(): 16 Mi 45.70 us (1.049), 64 Mi 178.0 us (1.017), 256 Mi 705.8 us
/// (1.013). The thread that starts the copies waits for the kernel ahead; all others wait for the
/// copies.
template <class Map, class W, bool kDependent>
__global__ void __launch_bounds__(1024) map_tile(Map map, Packed<W, Map::kArrays> x) {
  constexpr int kFirst = Map::kArrays - Map::kInputs;
  auto* const buffers = reinterpret_cast<Pack<W>*>(dynamic_shared());
  auto* const full = reinterpret_cast<BulkBarrier*>(buffers + Map::kInputs * blockDim.x);
  const std::uint64_t first = static_cast<std::uint64_t>(blockIdx.x) * blockDim.x;
  const std::uint64_t left = first < x.packs ? x.packs - first : 0;
  const unsigned count = static_cast<unsigned>(left < blockDim.x ? left : blockDim.x);
  if (threadIdx.x == 0) {
#pragma unroll
    for (int input = 0; input < Map::kInputs; ++input) bulk_init(full + input);
    bulk_init_done();
    if constexpr (kDependent) wait_for_dependency();
#pragma unroll
    for (int input = 0; count > 0 && input < Map::kInputs; ++input) {
      bulk_load(buffers + input * blockDim.x, x.body[kFirst + input] + first, count * 16,
                full + input);
    }
  }
  if constexpr (kDependent) let_dependents_begin();
  __syncthreads();
#pragma unroll
  for (int input = 0; count > 0 && input < Map::kInputs; ++input) bulk_wait(full + input, 0);
  if (threadIdx.x < count) {
    x.body[0][first + threadIdx.x] = element_of(
        map, [&](int array) { return buffers[(array - kFirst) * blockDim.x + threadIdx.x]; });
  }
  map_edges(map, x);
}

}  // namespace crossover::gpu
