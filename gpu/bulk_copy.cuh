#pragma once

#include "gpu/thread.cuh"

/// Bulk copies from global to shared memory, and the barriers that their bytes arrive at (PTX ISA,
/// "cp.async.bulk" and "mbarrier"). Compute capability 9.0 and newer; on older ones kernels that
/// use them compile and must not be launched.
namespace crossover::gpu {

#ifdef __CUDACC__

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
#define CROSSOVER_HAS_BULK 1
#endif

using BulkBarrier = std::uint64_t;

__device__ inline unsigned shared_address(const void* pointer) {
  return static_cast<unsigned>(__cvta_generic_to_shared(pointer));
}

/// Makes a barrier that one bulk_load() a phase completes. One thread.
__device__ inline void bulk_init(BulkBarrier* barrier) {
#ifdef CROSSOVER_HAS_BULK
  asm volatile("mbarrier.init.shared.b64 [%0], 1;" ::"r"(shared_address(barrier)) : "memory");
#endif
}

/// After the last bulk_init(), by the same thread: the copy engine sees the barriers too.
__device__ inline void bulk_init_done() {
#ifdef CROSSOVER_HAS_BULK
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}

/// Starts to copy `bytes` bytes, a multiple of 16, between addresses that are multiples of 16. One
/// thread.
__device__ inline void bulk_load(void* to, const void* from, unsigned bytes, BulkBarrier* barrier) {
#ifdef CROSSOVER_HAS_BULK
  const unsigned at = shared_address(barrier);
  asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(at), "r"(bytes)
               : "memory");
  asm volatile(
      "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::
          "r"(shared_address(to)),
      "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(at)
      : "memory");
#endif
}

/// Returns when the barrier's phase of this parity is complete: its bytes can be read. All threads.
__device__ inline void bulk_wait(BulkBarrier* barrier, unsigned parity) {
#ifdef CROSSOVER_HAS_BULK
  const unsigned at = shared_address(barrier);
  unsigned done = 0;
  while (done == 0) {
    asm volatile(
        "{\n"
        ".reg .pred complete;\n"
        "mbarrier.try_wait.parity.shared.b64 complete, [%1], %2;\n"
        "selp.u32 %0, 1, 0, complete;\n"
        "}"
        : "=r"(done)
        : "r"(at), "r"(parity)
        : "memory");
  }
#endif
}

#else

using emulation::bulk_init;
using emulation::bulk_load;
using emulation::bulk_wait;
using emulation::BulkBarrier;
inline void bulk_init_done() {}

#endif

}  // namespace crossover::gpu
