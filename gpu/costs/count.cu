#include <cuda/atomic>
#include <limits>
#include <string>

#include "common/counting.hpp"
#include "gpu/costs/costs.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"

/// The ways of `count` to add 1 to one counter in global memory, `n` times by all threads of the
/// grid together. blockDim.x is a multiple of 32. `seen` as in map_unrolled().
namespace crossover::gpu {

namespace {

/// `unsynchronised`: everybody reads, adds and writes. Of the threads that read the same value all
/// but one have counted in vain. The accesses are atomic each, so the race is no undefined
/// behaviour, and none is left out or kept in a register.
__global__ void __launch_bounds__(1024)
    count_unsynchronised(std::uint64_t* counter, std::uint64_t n, unsigned* seen) {
  note_multiprocessor(seen);
  const cuda::atomic_ref<std::uint64_t, cuda::thread_scope_device> shared(*counter);
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) {
    shared.store(shared.load(cuda::memory_order_relaxed) + 1, cuda::memory_order_relaxed);
  }
}

/// `atomic`: one global atomic addition an increment, all to one address.
__global__ void __launch_bounds__(1024)
    count_atomic(std::uint64_t* counter, std::uint64_t n, unsigned* seen) {
  note_multiprocessor(seen);
  // 1, but not for all that ptxas knows: of an addend that a warp's lanes have in common it makes
  // one addition by itself, which is `warp-aggregated`.
  const std::uint64_t one = threadIdx.x < blockDim.x ? 1 : 0;
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) add_atomically(counter, one);
}

/// `shared-atomic`: an atomic in shared memory an increment, for which the hardware has an
/// instruction of its own (ATOMS.POPC.INC), and one global addition a block. The block's share is
/// below 2^32.
__global__ void __launch_bounds__(1024)
    count_shared_atomic(std::uint64_t* counter, std::uint64_t n, unsigned* seen) {
  struct Mine;
  note_multiprocessor(seen);
  std::uint32_t* const mine = shared_array<std::uint32_t, 1, Mine>();
  if (threadIdx.x == 0) *mine = 0;
  __syncthreads();
  for (std::uint64_t i = global_thread(); i < n; i += grid_threads()) {
    add_atomically(mine, std::uint32_t{1});
  }
  __syncthreads();
  if (threadIdx.x == 0) add_atomically(counter, std::uint64_t{*mine});
}

/// `warp-aggregated`: the lanes vote on who has an increment to make, and the first adds all of
/// them: a global addition for each 32.
__global__ void __launch_bounds__(1024)
    count_warp_aggregated(std::uint64_t* counter, std::uint64_t n, unsigned* seen) {
  note_multiprocessor(seen);
  const unsigned lane = threadIdx.x % 32;
  // All lanes stay as long as the first has an increment to make.
  for (std::uint64_t i = global_thread(); i - lane < n; i += grid_threads()) {
    const unsigned adding = __ballot_sync(kAllLanes, i < n);
    if (lane == 0) add_atomically(counter, static_cast<std::uint64_t>(__popc(adding)));
  }
}

using Kernel = void (*)(std::uint64_t*, std::uint64_t, unsigned*);

/// An increment a thread, or several where there are more than threads: one block on each of
/// `limit` multiprocessors, the same shape for one of them and for all.
Work count_work(const Device& device, Kernel kernel, std::uint64_t* counter, std::uint64_t elements,
                int limit) {
  Shape shape{1, kAloneThreads, 0};
  const auto seen = place(device, kernel, shape, limit);
  // Each thread of a block makes that many increments or one less.
  const std::uint64_t each = ceil_div(elements, shape.blocks * shape.threads);
  if (kernel == &count_shared_atomic &&
      each > std::numeric_limits<std::uint32_t>::max() / shape.threads) {
    throw Unavailable(std::to_string(elements) + " increments in " + std::to_string(shape.blocks) +
                      " blocks are more than a block's counter of 32 bits holds");
  }
  Work work = work_by(1, [=](const Stream& stream, std::uint64_t) {
    launch(stream, kernel, shape, counter, elements, seen->data());
  });
  work.seen = seen;
  return work;
}

}  // namespace

std::vector<CostVariant> count_variants() {
  std::vector<CostVariant> all;
  for (const auto& [name, kernel] : std::initializer_list<std::pair<const char*, Kernel>>{
           {"unsynchronised", &count_unsynchronised},
           {"atomic", &count_atomic},
           {"shared-atomic", &count_shared_atomic},
           {"warp-aggregated", &count_warp_aggregated}}) {
    const auto make = [kernel = kernel](const Configuration& configuration, const std::vector<int>&,
                                        Gpu& gpu) {
      const std::uint64_t n = configuration.elements;
      return std::make_unique<CounterOperation>(
          configuration, gpu, 1,
          [=](const Stream& stream, int limit, std::uint64_t* counter) {
            return count_work(stream.device(), kernel, counter, n, limit);
          },
          [=](const auto& values, std::uint64_t first, std::uint64_t operations) {
            return counting::verify({first, operations, n}, values.front(),
                                    kernel == &count_unsynchronised);
          });
    };
    all.push_back({{name, Variant::Role::best, {Scope::resident, Scope::kernel}}, make});
  }
  return all;
}

}  // namespace crossover::gpu
