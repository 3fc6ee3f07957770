#include "gpu/launch.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

namespace crossover::gpu {

namespace {

constexpr unsigned kWarp = 32;

/// A worker that does nothing but leave word that it came, which nothing on the device waits for.
__global__ void create_launch(std::uint64_t* came) {
  if (threadIdx.x == 0) add_atomically(came + blockIdx.x, std::uint64_t{1});
}

}  // namespace

void launch_idlers(const Stream& stream, std::uint64_t* came, int blocks) {
  launch(stream, &create_launch, Shape{static_cast<std::uint64_t>(blocks), kWarp, 0}, came);
}

}  // namespace crossover::gpu
