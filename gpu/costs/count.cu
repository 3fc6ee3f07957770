#include <cuda/atomic>
#include <limits>
#include <string>

#include "common/counting.hpp"
#include "gpu/costs/costs.hpp"
#include "gpu/device_operation.hpp"
#include "gpu/placement.hpp"
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

constexpr unsigned kCountThreads = 256;

using Kernel = void (*)(std::uint64_t*, std::uint64_t, unsigned*);

/// An increment a thread, or several where there are more than threads that the device holds.
std::unique_ptr<Work> make_count_work(const Device& device, Kernel kernel, std::uint64_t* counter,
                                      std::uint64_t elements, Multiprocessors limit) {
  Shape shape{1, OneBlockEach::kThreads, 0};
  if (limit.count == 0) {
    shape = filling(device, kernel, {1, kCountThreads, 0}, ceil_div(elements, kCountThreads));
  }
  std::optional<OneBlockEach> placement = place(device, kernel, shape, limit);
  // Each thread of a block makes that many increments or one less.
  const std::uint64_t each = ceil_div(elements, shape.blocks * shape.threads);
  if (kernel == &count_shared_atomic &&
      each > std::numeric_limits<std::uint32_t>::max() / shape.threads) {
    throw Unavailable(std::to_string(elements) + " increments in " + std::to_string(shape.blocks) +
                      " blocks are more than a block's counter of 32 bits holds");
  }
  return std::make_unique<KernelWork>(
      1,
      [=](const Stream& stream, std::uint64_t, unsigned* seen) {
        launch(stream, kernel, shape, counter, elements, seen);
      },
      std::move(placement));
}

class CountOperation final : public DeviceOperation {
 public:
  CountOperation(const Configuration& configuration, Gpu& gpu, Kernel kernel)
      : DeviceOperation(configuration, {&gpu}, 1, sizeof(std::uint64_t)),
        may_lose_(kernel == &count_unsynchronised) {
    allocate(*shares_.front(), sizeof(std::uint64_t));
    set(0);
    make_work([&](Share& share) {
      return make_count_work(share.gpu.device, kernel, counter(), configuration.elements, limit_);
    });
  }

  void renew(std::uint32_t salt) override {
    start_ = counting::first(salt);
    set(start_);
    renewed();
  }

  Verdict verify() override {
    std::uint64_t value = 0;
    copy(&value, counter(), cudaMemcpyDeviceToHost, "copying the counter back");
    return counting::verify({start_, static_cast<std::uint64_t>(done_), configuration_.elements},
                            value, may_lose_);
  }

 private:
  std::uint64_t* counter() const {
    return reinterpret_cast<std::uint64_t*>(shares_.front()->memory.data());
  }
  void set(std::uint64_t value) {
    copy(counter(), &value, cudaMemcpyHostToDevice, "setting the counter");
  }
  void copy(std::uint64_t* to, const std::uint64_t* from, cudaMemcpyKind kind, const char* doing) {
    const Stream& stream = shares_.front()->stream;
    stream.device().select();
    stream.device().check(cudaMemcpyAsync(to, from, sizeof *to, kind, stream.get()), doing);
    wait();
  }

  bool may_lose_;
  std::uint64_t start_ = 0;
};

}  // namespace

std::vector<CostVariant> count_variants() {
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  std::vector<CostVariant> all;
  for (const auto& [name, kernel] : std::initializer_list<std::pair<const char*, Kernel>>{
           {"unsynchronised", &count_unsynchronised},
           {"atomic", &count_atomic},
           {"shared-atomic", &count_shared_atomic},
           {"warp-aggregated", &count_warp_aggregated}}) {
    all.push_back({{name, Variant::Role::best, device},
                   [kernel = kernel](const Configuration& configuration, Gpu& gpu) {
                     return std::make_unique<CountOperation>(configuration, gpu, kernel);
                   }});
  }
  return all;
}

}  // namespace crossover::gpu
