#pragma once

#include "gpu/bulk_copy.cuh"
#include "gpu/thread.cuh"

/// A ring of buffers in a block's shared memory that bulk copies fill ahead of the threads.
namespace crossover::gpu {

/// How it is cut: `stages` stages, with a buffer of `packs` packs for each of `inputs` arrays. In
/// flight on a multiprocessor: blocks * stages * inputs * packs * 16 bytes.
struct Ring {
  unsigned stages = 0;
  unsigned inputs = 0;
  unsigned packs = 0;  ///< a multiple of the threads of a block

  /// Dynamic shared memory of a block: the buffers and a barrier for each.
  std::size_t shared_bytes() const {
    return std::size_t{stages} * inputs * (std::size_t{packs} * 16 + sizeof(BulkBarrier));
  }
};

/// Calls `body(first, count, buffer)` in all threads of the block, for its tiles of ring.packs
/// packs: numbers blockIdx.x, blockIdx.x + gridDim.x, ... The tile's packs are number `first` on,
/// `count` of them, and buffer(array)[i] is one of an array that the workload reads.
template <class Work, class W, class Body>
__device__ inline void for_tiles_of_ring(const Packed<W, Work::kArrays>& x, const Ring& ring,
                                         const Body& body) {
  constexpr unsigned kInputs = Work::kInputs;
  constexpr int kFirst = Work::kArrays - Work::kInputs;
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
  const auto count_of = [&](std::uint64_t tile) {
    const std::uint64_t left = x.packs - tile * ring.packs;
    return static_cast<unsigned>(left < ring.packs ? left : ring.packs);
  };
  const auto fetch = [&](std::uint64_t tile, unsigned stage) {
#pragma unroll
    for (unsigned input = 0; input < kInputs; ++input) {
      bulk_load(buffer_of(stage, input), x.body[kFirst + input] + tile * ring.packs,
                count_of(tile) * 16, full + stage * kInputs + input);
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
    body(tile * ring.packs, count_of(tile), [&](int array) -> const Pack<W>* {
      return buffer_of(stage, static_cast<unsigned>(array - kFirst));
    });
    // The buffers are free once every thread has read them.
    __syncthreads();
    const std::uint64_t next = tile + static_cast<std::uint64_t>(ring.stages) * gridDim.x;
    if (threadIdx.x == 0 && next < tiles) fetch(next, stage);
    if (++stage == ring.stages) {
      stage = 0;
      phase ^= 1;
    }
  }
}

}  // namespace crossover::gpu
