#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "gpu/emulation/block.hpp"
#include "gpu/emulation/fiber.hpp"

namespace crossover::emulation {

constexpr unsigned kWarp = 32;

enum class State { ready, at_barrier, in_warp, polling, done };

/// A CUDA thread of a block.
struct Thread : Fiber {
  Coordinates coordinates;
  State state = State::ready;
};

struct Warp {
  std::uint32_t generation = 0;
  std::uint32_t arrived = 0;
  std::uint32_t mask = 0;
  std::uint64_t bits[2][kWarp] = {};
  Edge edges[2];
};

/// A shared array, poisoned. Aligned to 16 bytes as operator new does.
struct SharedArray {
  explicit SharedArray(std::size_t size);
  std::size_t bytes;
  std::unique_ptr<std::byte[]> memory;
  Edge created;
};
using SharedArrays = std::map<const void*, std::unique_ptr<SharedArray>>;

struct BulkState {
  unsigned phase = 0;
  bool pending = false;
  std::byte* to = nullptr;
  const std::byte* from = nullptr;
  unsigned bytes = 0;

  /// Ends the copy that is under way.
  void land();
};

class Block;

/// What a grid has and all of its blocks share.
struct Grid {
  Extent size;
  Extent block;
  std::size_t dynamic_bytes = 0;
  const std::function<void()>& body;
  Edge launched{};
  Edge finished{};
  // Freed when the grid has ended: to free a block's memory before would order it before the next.
  std::vector<std::unique_ptr<Block>> retired{};
};

/// The threads of a block, one at a time, and all that they share.
class Block {
 public:
  Block(Grid& grid, Extent index);
  Block(const Block&) = delete;
  Block& operator=(const Block&) = delete;
  void run();

  void barrier();
  void warp_barrier(std::uint32_t mask);
  std::uint64_t exchange(std::uint32_t mask, std::uint64_t bits, unsigned source);
  std::uint32_t vote(std::uint32_t mask, bool yes);
  void give_way() { scheduler_.leave(); }
  void* shared_array(const void* key, std::size_t bytes);
  void* dynamic_shared() { return shared_array(&grid_, grid_.dynamic_bytes); }
  BulkState& bulk_state(BulkBarrier* barrier) { return bulk_[barrier]; }
  void bulk_wait(BulkBarrier* barrier, unsigned parity);
  const Coordinates& here() const { return current_->coordinates; }

 private:
  void live();
  std::uint32_t arrive(Warp& warp, std::uint32_t mask);
  unsigned linear(const Thread& thread) const {
    return thread.coordinates.thread.x +
           thread.coordinates.block_size.x *
               (thread.coordinates.thread.y +
                thread.coordinates.block_size.y * thread.coordinates.thread.z);
  }
  Warp& warp_of(const Thread& thread) { return warps_[linear(thread) / kWarp]; }

  Grid& grid_;
  Scheduler scheduler_;
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  SharedArrays shared_;
  std::map<BulkBarrier*, BulkState> bulk_;
  Edge barrier_edges_[2];
  unsigned barrier_generation_ = 0;
  std::size_t at_barrier_ = 0;
  std::size_t done_ = 0;
  Thread* current_ = nullptr;
};

/// The block whose threads have their turns.
extern Block* running;

}  // namespace crossover::emulation
