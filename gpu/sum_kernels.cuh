#pragma once

#include "common/workloads/reference.hpp"
#include "gpu/ring.cuh"
#include "gpu/thread.cuh"

/// The ladder of sums, of all element(...). Floating point ends in double precision: what a thread
/// has read since its last flush is added up as a tree in its own type, everything after that in
/// double, so that a sum of a billion floats is as good as one of sixteen. On GPUs whose double
/// precision is slow the flush is one addition and one conversion for each kPacks packs.
namespace crossover::gpu {

inline constexpr unsigned kSumThreads = 256;

/// The sum over the warp's lanes, in lane 0, always in the same order.
template <class Total>
__device__ inline Total warp_sum(Total value) {
#pragma unroll
  for (unsigned delta = 16; delta > 0; delta /= 2) {
    value += __shfl_down_sync(kAllLanes, value, delta);
  }
  return value;
}

/// The sum over the block's threads, in thread 0, always in the same order. blockDim.x is a
/// multiple of 32, at most 1024.
template <class Total>
__device__ inline Total block_sum(Total value) {
  struct WarpSums;
  Total* const sums = shared_array<Total, 32, WarpSums>();
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x >= 32) return value;
  return warp_sum(threadIdx.x < blockDim.x / 32 ? sums[threadIdx.x] : Total{});
}

/// kPacks packs as a tree of additions in W: log2(kPacks * lanes) of them for each element.
template <class W, int kPacks>
__device__ inline TotalOf<W> tree_sum(Pack<W> (&packs)[kPacks]) {
#pragma unroll
  for (int width = kPacks / 2; width > 0; width /= 2) {
#pragma unroll
    for (int k = 0; k < width; ++k) packs[k] = packs[k] + packs[k + width];
  }
  constexpr int kLanes = 16 / sizeof(W);
#pragma unroll
  for (int width = kLanes / 2; width > 0; width /= 2) {
#pragma unroll
    for (int lane = 0; lane < width; ++lane) packs[0].at[lane] += packs[0].at[lane + width];
  }
  return packs[0].at[0];
}

/// How tree_sum() rounds.
template <class W, int kPacks>
constexpr Rounding tree_rounding() {
  constexpr std::uint64_t kElements = kPacks * 16 / sizeof(W);
  std::uint64_t chain = 0;
  for (std::uint64_t width = 1; width < kElements; width *= 2) ++chain;
  return std::is_same_v<W, float> ? Rounding{chain, kElements} : Rounding{};
}

/// This thread's part of the sum of tiles first_tile, first_tile + tile_step, ... of
/// blockDim.x * kPacks packs.
template <int kPacks, class Sum, class W>
__device__ inline TotalOf<W> sum_of_tiles(const Sum& sum, const Packed<W, Sum::kArrays>& x,
                                          std::uint64_t first_tile, std::uint64_t tile_step) {
  const std::uint64_t tile = static_cast<std::uint64_t>(blockDim.x) * kPacks;
  TotalOf<W> total{};
  for (std::uint64_t first = first_tile * tile; first < x.packs; first += tile_step * tile) {
    const auto term = [&](int k) {
      return element_of(
          sum, [&](int array) { return (x.body[array] + first + threadIdx.x)[k * blockDim.x]; });
    };
    Pack<W> packs[kPacks];
    if (first + tile <= x.packs) {
#pragma unroll
      for (int k = 0; k < kPacks; ++k) packs[k] = term(k);
    } else {
#pragma unroll
      for (int k = 0; k < kPacks; ++k) {
        packs[k] = first + threadIdx.x + k * blockDim.x < x.packs ? term(k) : Pack<W>{};
      }
    }
    total += tree_sum(packs);
  }
  return total;
}

/// What lies before and behind the packs: one element each for the first threads of one block.
template <class Sum, class W>
__device__ inline TotalOf<W> sum_of_edges(const Sum& sum, const Packed<W, Sum::kArrays>& x) {
  TotalOf<W> total{};
  for_edges(x, [&](const auto& at) { total += element_of(sum, at); });
  return total;
}

/// This thread's every grid_threads()-th element.
template <class Sum, class W>
__device__ inline TotalOf<W> sum_of_elements(const Sum& sum, const Elements<W, Sum::kArrays>& x) {
  TotalOf<W> total{};
  for (std::uint64_t i = global_thread(); i < x.size; i += grid_threads()) {
    total += element_of(sum, [&](int array) { return x.at[array][i]; });
  }
  return total;
}

/// 1, `atomic`: one global atomic addition an element, all to one address, which serves about one a
/// clock. The order of a sum of doubles is the hardware's: the only step whose last bits vary.
/// `*total` must be 0.
template <class Sum, class W>
__global__ void __launch_bounds__(kSumThreads)
    sum_atomic(Sum sum, Elements<W, Sum::kArrays> x, TotalOf<W>* total) {
  const std::uint64_t i = global_thread();
  if (i >= x.size) return;
  const W term = element_of(sum, [&](int array) { return x.at[array][i]; });
  add_atomically(total, static_cast<TotalOf<W>>(term));
}

/// 2, `shared`: each thread sums every grid_threads()-th element, then the block's threads add up
/// in a tree in shared memory, a barrier for each level. `partials` gets a sum a block, which
/// sum_finish() adds up.
template <class Sum, class W>
__global__ void __launch_bounds__(kSumThreads)
    sum_shared(Sum sum, Elements<W, Sum::kArrays> x, TotalOf<W>* partials) {
  struct Tree;
  TotalOf<W>* const tree = shared_array<TotalOf<W>, kSumThreads, Tree>();
  tree[threadIdx.x] = sum_of_elements(sum, x);
  __syncthreads();
  for (unsigned width = kSumThreads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) tree[threadIdx.x] += tree[threadIdx.x + width];
    __syncthreads();
  }
  if (threadIdx.x == 0) partials[blockIdx.x] = tree[0];
}

/// 3, `shuffle`: the tree in registers. A warp's lanes hand over their sums without shared memory
/// and without a barrier; one barrier is left of nine.
template <class Sum, class W>
__global__ void __launch_bounds__(kSumThreads)
    sum_shuffle(Sum sum, Elements<W, Sum::kArrays> x, TotalOf<W>* partials) {
  const TotalOf<W> total = block_sum(sum_of_elements(sum, x));
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

/// This block's part of a sum in packs, in thread 0: tiles blockIdx.x, blockIdx.x + gridDim.x, ...
template <int kPacks, class Sum, class W>
__device__ inline TotalOf<W> sum_of_block(const Sum& sum, const Packed<W, Sum::kArrays>& x) {
  TotalOf<W> mine = sum_of_tiles<kPacks>(sum, x, blockIdx.x, gridDim.x);
  if (blockIdx.x == 0) mine += sum_of_edges(sum, x);
  return block_sum(mine);
}

/// 4, `vector`: kPacks independent 16-byte loads of each array in flight a thread, and as many
/// blocks as the device holds at a time.
template <class Sum, class W, int kPacks>
__global__ void __launch_bounds__(kSumThreads)
    sum_vector(Sum sum, Packed<W, Sum::kArrays> x, TotalOf<W>* partials) {
  const TotalOf<W> total = sum_of_block<kPacks>(sum, x);
  if (threadIdx.x == 0) partials[blockIdx.x] = total;
}

/// This thread's part of `count` partial sums, read past the first-level cache.
template <class Total>
__device__ inline Total sum_of_partials(const Total* partials, std::uint64_t count) {
  Total mine{};
  for (std::uint64_t i = threadIdx.x; i < count; i += blockDim.x) mine += __ldcg(partials + i);
  return mine;
}

/// The second kernel of steps 2 to 4: one block adds up the blocks' sums.
template <class Total>
__global__ void __launch_bounds__(1024)
    sum_finish(const Total* partials, std::uint64_t count, Total* result) {
  const Total total = block_sum(sum_of_partials(partials, count));
  if (threadIdx.x == 0) *result = total;
}

/// What a sum in one launch works with: a partial sum for each block, the number of blocks that
/// have left theirs (0 before the first launch, and again after each), and where the sum goes.
template <class T>
struct Ends {
  T* partials;
  unsigned* tickets;
  T* result;
};

/// The end of a sum in one launch: thread 0 has the block's sum. The block leaves it and takes a
/// ticket; the block with the last ticket adds up all sums, in the order of the blocks whoever that
/// is. A single block needs no ticket at all.
template <class T>
__device__ inline void end_with_the_last(T mine, const Ends<T>& ends) {
  struct Last;
  const auto [partials, tickets, result] = ends;
  if (gridDim.x == 1) {
    if (threadIdx.x == 0) *result = mine;
    return;
  }
  bool* const last = shared_array<bool, 1, Last>();
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = mine;
    __threadfence();  // the sum is visible before the ticket is taken
    *last = atomicInc(tickets, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!*last) return;
  __threadfence();
  const T total = block_sum(sum_of_partials(partials, gridDim.x));
  if (threadIdx.x == 0) *result = total;
}

/// 5, `single-pass`: one launch. Saves the second one and the wait between the two, which is most
/// of the time of a small sum. The shape is half of the matter. f32 on the H100 of map_kernels.cuh,
/// and the time of CUB's sum over it: one block as long as reading takes it no longer than
/// exchanging partial sums would, 1 Ki elements with 256 threads 2.38 us (1.08), 8 Ki with 512 x 4
/// packs 2.61 (1.70), 32 Ki with 512 x 8 3.09 (1.46), 64 Ki with 1024 x 8 3.69 (1.27); then many
/// light blocks, 256 x 2 packs, 256 Ki 4.12 (1.17); then one heavy one a multiprocessor, 256 x 8, 1
/// Mi 4.61 (1.15), 8 Mi 8.81 (1.235); from memory 4 of 512 x 8, 256 Mi 342.7 (1.016). Only 4 Ki is
/// behind CUB: 2.45 (0.915).
///
/// `kDependent` as in map_pack(): one block, 1 Ki 1.33 us (1.93), 4 Ki 1.99 (1.12), 64 Ki 2.79
/// (1.68); several, 1 Mi 4.48 (1.18). Not where blocks that wait take the room of those that work:
/// 8 Mi 15.7 (0.69). It waits before it reads, although nobody may have written the array since:
/// sums that share what they read would overlap and look faster than memory.
///
/// `seen` as in map_unrolled().
template <class Sum, class W, int kPacks, bool kDependent>
__global__ void __launch_bounds__(1024)
    sum_single_pass(Sum sum, Packed<W, Sum::kArrays> x, Ends<TotalOf<W>> ends, unsigned* seen) {
  if constexpr (kDependent) {
    wait_for_dependency();
    let_dependents_begin();
  }
  note_multiprocessor(seen);
  end_with_the_last(sum_of_block<kPacks>(sum, x), ends);
}

/// 6, `ring`: compute capability 9.0 and newer. One block on each multiprocessor, and the copy
/// engine keeps a ring of 4 times 32 KiB full ahead of its threads, which take kPacks packs each of
/// every array's tile. From memory it is the equal of the best single pass, and steadier in size:
/// on that H100 16 Mi elements take 26.36 us (1.030), 64 Mi 89.30 us (1.024), 256 Mi 342.4 us
/// (1.017), 3,136 GB/s or 0.935 of the memory's peak.
template <class Sum, class W, int kPacks>
__global__ void __launch_bounds__(512)
    sum_ring(Sum sum, Packed<W, Sum::kArrays> x, Ring ring, Ends<TotalOf<W>> ends) {
  TotalOf<W> mine{};
  for_tiles_of_ring<Sum>(x, ring, [&](std::uint64_t, unsigned count, const auto& buffer) {
    Pack<W> packs[kPacks];
#pragma unroll
    for (int k = 0; k < kPacks; ++k) {
      const unsigned i = threadIdx.x + k * blockDim.x;
      packs[k] =
          i < count ? element_of(sum, [&](int array) { return buffer(array)[i]; }) : Pack<W>{};
    }
    mine += tree_sum(packs);
  });
  if (blockIdx.x == 0) mine += sum_of_edges(sum, x);
  end_with_the_last(block_sum(mine), ends);
}

/// For a sum whose data arrives in parts: block b sums segment first_segment + b, of
/// `segment_packs` packs, into `partials` at that index. Segment `last_segment` takes what is left,
/// down to the last element. What a segment's sum is does not depend on how many of them one launch
/// does.
template <class Sum, class W, int kPacks>
__global__ void __launch_bounds__(kSumThreads)
    sum_segments(Sum sum, Packed<W, Sum::kArrays> x, std::uint64_t segment_packs,
                 std::uint64_t first_segment, std::uint64_t last_segment, TotalOf<W>* partials) {
  const std::uint64_t segment = first_segment + blockIdx.x;
  const std::uint64_t first = segment * segment_packs;
  const bool is_last = segment == last_segment;
  Packed<W, Sum::kArrays> part = x;
  for (int array = 0; array < Sum::kArrays; ++array) part.body[array] += first;
  part.packs = is_last ? x.packs - first : segment_packs;
  TotalOf<W> mine = sum_of_tiles<kPacks>(sum, part, 0, 1);
  if (is_last) mine += sum_of_edges(sum, x);
  const TotalOf<W> total = block_sum(mine);
  if (threadIdx.x == 0) partials[segment] = total;
}

}  // namespace crossover::gpu
