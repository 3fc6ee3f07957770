#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

/// A CUDA grid on one thread of the CPU: each CUDA thread is a fiber.
///
/// Blocks run one after the other and a block's threads one at a time, each until it waits, in an
/// order that the test picks. So a kernel that forgets a barrier fails the same way on every run:
/// in ascending order thread 0 reads what its neighbours have yet to write, and finds poison there.
/// Built with ThreadSanitizer, only what CUDA calls a synchronisation orders two CUDA threads, and
/// a race is reported whatever the order was. Built with AddressSanitizer, each shared array is an
/// allocation of its own.
namespace crossover::emulation {

struct Extent {
  unsigned x = 1;
  unsigned y = 1;
  unsigned z = 1;
};

/// Where the running CUDA thread is: threadIdx, blockIdx, blockDim, gridDim.
struct Coordinates {
  Extent thread;
  Extent block;
  Extent block_size;
  Extent grid;
};
const Coordinates& here();
/// The x of one of them.
unsigned x_of(Extent Coordinates::*which);

/// The order in which the threads of a block get their turn, and blocks theirs.
enum class Order { ascending, descending, shuffled };

struct Schedule {
  Order order = Order::ascending;
  std::uint32_t seed = 1;
  /// Blocks [first_block, last_block) of a grid run, the others do not: for grids that only index
  /// arithmetic can be tested on.
  std::uint64_t first_block = 0;
  std::uint64_t last_block = ~std::uint64_t{0};
  /// Bulk copies land as soon as they are asked for, instead of when somebody waits for them.
  bool eager_copies = false;
  /// Faults: the atomic addition of this number (the first is 0) has no effect, and the votes of
  /// this lane do not count. -1: none.
  int lost_addition = -1;
  int lost_vote = -1;
};

/// The schedule of grids to come.
Schedule& schedule();

/// Runs `body` once for each CUDA thread of `grid` blocks of `block` threads and returns when all
/// have returned. Aborts with a message where CUDA would hang or is undefined: a barrier that some
/// threads of the block never reach, a shuffle that a lane of its mask does not take part in.
/// `early`: the grid was launched to begin before the one ahead of it has ended (programmatic
/// dependent launch), and so does each block: until one of its threads calls wait_for_dependency(),
/// this memory reads to the block as what is behind it, and what is stored there is lost. A thread
/// that forgets to wait is seen in an order in which its turn comes first.
struct Hidden {
  std::byte* at;
  std::vector<std::byte> behind;
};
void run_grid(Extent grid, Extent block, std::size_t dynamic_shared_bytes,
              const std::function<void()>& body, std::vector<Hidden> early = {});
void wait_for_dependency();

/// The device's clock, which goes on by 0.1 ms whenever somebody looks.
std::uint64_t nanoseconds();

/// __syncthreads().
void barrier();
/// __syncwarp(mask).
void warp_barrier(std::uint32_t mask);
/// The bits that lane `source` of the caller's warp hands over; every lane of `mask` calls.
std::uint64_t exchange(std::uint32_t mask, std::uint64_t bits, unsigned source);
/// The lanes of `mask` for which `yes` holds; every lane of `mask` calls.
std::uint32_t vote(std::uint32_t mask, bool yes);
/// Lets the other threads of the block have their turn first.
void give_way();
/// Whether the next atomic addition takes place.
bool addition_takes_place();
/// __threadfence().
void fence();

/// The block's shared array of that key: poisoned with 0xff (NaN) until a thread writes it.
void* shared_array(const void* key, std::size_t bytes);
/// The dynamic shared memory of the launch.
void* dynamic_shared();

/// A barrier in shared memory that one bulk copy a phase completes.
struct BulkBarrier {
  std::uint64_t word;
};
void bulk_init(BulkBarrier* barrier);
void bulk_load(void* to, const void* from, unsigned bytes, BulkBarrier* barrier);
/// Returns when the phase of this parity is complete.
void bulk_wait(BulkBarrier* barrier, unsigned parity);

}  // namespace crossover::emulation
