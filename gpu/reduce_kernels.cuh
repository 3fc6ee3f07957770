#pragma once

#include "common/reduction.hpp"
#include "gpu/thread.cuh"

/// The ladder of `reduce`, the sum of all elements. Floating point ends in double precision: what a
/// thread has read since its last flush is added up as a tree in its own type, everything after
/// that in double, so that a sum of a billion floats is as good as one of sixteen. On GPUs whose
/// double precision is slow the flush is one addition and one conversion for each kPacks packs.
namespace crossover::gpu {

inline constexpr unsigned kReduceThreads = 256;

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
    for (int k = 0; k < width; ++k) {
#pragma unroll
      for (int lane = 0; lane < Pack<W>::kLanes; ++lane) {
        packs[k].at[lane] += packs[k + width].at[lane];
      }
    }
  }
#pragma unroll
  for (int width = Pack<W>::kLanes / 2; width > 0; width /= 2) {
#pragma unroll
    for (int lane = 0; lane < width; ++lane) packs[0].at[lane] += packs[0].at[lane + width];
  }
  return packs[0].at[0];
}

/// How tree_sum() rounds.
template <class W, int kPacks>
constexpr reduction::Rounding tree_rounding() {
  constexpr std::uint64_t kElements = static_cast<std::uint64_t>(kPacks) * Pack<W>::kLanes;
  std::uint64_t chain = 0;
  for (std::uint64_t width = 1; width < kElements; width *= 2) ++chain;
  return std::is_same_v<W, float> ? reduction::Rounding{chain, kElements}
                                  : reduction::Rounding{0, 0};
}

/// This thread's part of the sum of tiles first_tile, first_tile + tile_step, ... of
/// blockDim.x * kPacks packs.
template <class W, int kPacks>
__device__ inline TotalOf<W> sum_of_tiles(const Packed<const W>& x, std::uint64_t first_tile,
                                          std::uint64_t tile_step) {
  const std::uint64_t tile = static_cast<std::uint64_t>(blockDim.x) * kPacks;
  TotalOf<W> total{};
  for (std::uint64_t first = first_tile * tile; first < x.packs; first += tile_step * tile) {
    const Pack<W>* const at = x.body + first + threadIdx.x;
    Pack<W> packs[kPacks];
    if (first + tile <= x.packs) {
#pragma unroll
      for (int k = 0; k < kPacks; ++k) packs[k] = at[k * blockDim.x];
    } else {
#pragma unroll
      for (int k = 0; k < kPacks; ++k) {
        packs[k] = first + threadIdx.x + k * blockDim.x < x.packs ? at[k * blockDim.x] : Pack<W>{};
      }
    }
    total += tree_sum(packs);
  }
  return total;
}

/// What lies before and behind the packs: one element each for the first threads of one block.
template <class W>
__device__ inline TotalOf<W> sum_of_edges(const Packed<const W>& x) {
  TotalOf<W> total{};
  if (threadIdx.x < x.head_size) total += x.head[threadIdx.x];
  if (threadIdx.x < x.tail_size) total += x.tail[threadIdx.x];
  return total;
}

/// 1, `atomic`: one global atomic addition an element, all to one address, which serves about one a
/// clock. The order of a sum of doubles is the hardware's: the only step whose last bits vary.
/// `*total` must be 0.
template <class W>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_atomic(const W* x, std::uint64_t n, TotalOf<W>* total) {
  const std::uint64_t i = global_thread();
  if (i < n) add_atomically(total, static_cast<TotalOf<W>>(x[i]));
}

/// 2, `shared`: each thread sums every grid_threads()-th element, then the block's threads add up
/// in a tree in shared memory, a barrier for each level. `partials` gets a sum a block, which
/// reduce_finish() adds up.
template <class W>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_shared(const W* x, std::uint64_t n, TotalOf<W>* partials) {
  struct Tree;
  TotalOf<W>* const tree = shared_array<TotalOf<W>, kReduceThreads, Tree>();
  TotalOf<W> mine{};
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) mine += x[i];
  tree[threadIdx.x] = mine;
  __syncthreads();
  for (unsigned width = kReduceThreads / 2; width > 0; width /= 2) {
    if (threadIdx.x < width) tree[threadIdx.x] += tree[threadIdx.x + width];
    __syncthreads();
  }
  if (threadIdx.x == 0) partials[blockIdx.x] = tree[0];
}

/// 3, `shuffle`: the tree in registers. A warp's lanes hand over their sums without shared memory
/// and without a barrier; one barrier is left of nine.
template <class W>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_shuffle(const W* x, std::uint64_t n, TotalOf<W>* partials) {
  TotalOf<W> mine{};
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) mine += x[i];
  const TotalOf<W> sum = block_sum(mine);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
}

/// 4, `vector`: kPacks independent 16-byte loads in flight a thread, and as many blocks as the
/// device holds at a time.
template <class W, int kPacks>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_vector(Packed<const W> x, TotalOf<W>* partials) {
  TotalOf<W> mine = sum_of_tiles<W, kPacks>(x, blockIdx.x, gridDim.x);
  if (blockIdx.x == 0) mine += sum_of_edges(x);
  const TotalOf<W> sum = block_sum(mine);
  if (threadIdx.x == 0) partials[blockIdx.x] = sum;
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
    reduce_finish(const Total* partials, std::uint64_t count, Total* result) {
  const Total sum = block_sum(sum_of_partials(partials, count));
  if (threadIdx.x == 0) *result = sum;
}

/// 5, `single-pass`: one launch. Each block leaves its sum and takes a ticket; the block with the
/// last ticket adds up all sums, in the order of the blocks whoever that is. Saves the second
/// launch and the wait between the two, which is most of the time of a small sum. A single block
/// needs no ticket at all.
///
/// `*tickets` must be 0 before the first launch, and is again after each. `seen` as in
/// double_unrolled().
template <class W, int kPacks>
__global__ void __launch_bounds__(1024)
    reduce_single_pass(Packed<const W> x, TotalOf<W>* partials, unsigned* tickets,
                       TotalOf<W>* result, unsigned* seen) {
  struct Last;
  note_multiprocessor(seen);
  TotalOf<W> mine = sum_of_tiles<W, kPacks>(x, blockIdx.x, gridDim.x);
  if (blockIdx.x == 0) mine += sum_of_edges(x);
  const TotalOf<W> sum = block_sum(mine);
  if (gridDim.x == 1) {
    if (threadIdx.x == 0) *result = sum;
    return;
  }
  bool* const last = shared_array<bool, 1, Last>();
  if (threadIdx.x == 0) {
    partials[blockIdx.x] = sum;
    __threadfence();  // the sum is visible before the ticket is taken
    *last = atomicInc(tickets, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (!*last) return;
  __threadfence();
  const TotalOf<W> total = block_sum(sum_of_partials(partials, gridDim.x));
  if (threadIdx.x == 0) *result = total;
}

/// For a sum whose data arrives in parts: block b sums segment first_segment + b, of
/// `segment_packs` packs, into `partials` at that index. Segment `last_segment` takes what is left,
/// down to the last element. What a segment's sum is does not depend on how many of them one launch
/// does.
template <class W, int kPacks>
__global__ void __launch_bounds__(kReduceThreads)
    reduce_segments(Packed<const W> x, std::uint64_t segment_packs, std::uint64_t first_segment,
                    std::uint64_t last_segment, TotalOf<W>* partials) {
  const std::uint64_t segment = first_segment + blockIdx.x;
  const std::uint64_t first = segment * segment_packs;
  const bool is_last = segment == last_segment;
  Packed<const W> part = x;
  part.body = x.body + first;
  part.packs = is_last ? x.packs - first : segment_packs;
  TotalOf<W> mine = sum_of_tiles<W, kPacks>(part, 0, 1);
  if (is_last) mine += sum_of_edges(x);
  const TotalOf<W> sum = block_sum(mine);
  if (threadIdx.x == 0) partials[segment] = sum;
}

}  // namespace crossover::gpu
