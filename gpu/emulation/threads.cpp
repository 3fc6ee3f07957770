#include "gpu/emulation/threads.hpp"

#include <algorithm>
#include <random>
#include <utility>

namespace crossover::emulation {

Block* running = nullptr;

SharedArray::SharedArray(std::size_t size)
    : bytes(size), memory(std::make_unique<std::byte[]>(std::max<std::size_t>(size, 1))) {
  std::fill_n(memory.get(), size, std::byte{0xff});
  created.release();
}

Block::Block(Grid& grid, Extent index)
    : grid_(grid),
      scheduler_([this] { live(); }),
      threads_(std::size_t{grid.block.x} * grid.block.y * grid.block.z),
      warps_((threads_.size() + kWarp - 1) / kWarp) {
  const Extent block = grid.block;
  std::size_t i = 0;
  for (unsigned z = 0; z < block.z; ++z) {
    for (unsigned y = 0; y < block.y; ++y) {
      for (unsigned x = 0; x < block.x; ++x) {
        threads_[i++].coordinates = {{x, y, z}, index, block, grid.size};
      }
    }
  }
}

void Block::live() {
  grid_.launched.acquire();
  grid_.body();
  grid_.finished.release();
  current_->state = State::done;
  ++done_;
}

void Block::run() {
  Block* const outer = std::exchange(running, this);
  std::vector<std::size_t> turns(threads_.size());
  for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = i;
  if (schedule().order == Order::descending) std::reverse(turns.begin(), turns.end());
  std::mt19937 random(schedule().seed);
  for (Thread& thread : threads_) Scheduler::start(thread);
  while (done_ < threads_.size()) {
    if (schedule().order == Order::shuffled) std::shuffle(turns.begin(), turns.end(), random);
    bool progress = false;
    for (const std::size_t turn : turns) {
      const State before = threads_[turn].state;
      if (before != State::ready && before != State::polling) continue;
      current_ = &threads_[turn];
      scheduler_.resume(*current_);
      if (before == State::ready || threads_[turn].state != State::polling) progress = true;
    }
    if (progress) continue;
    for (const Thread& thread : threads_) {
      if (thread.state == State::polling) fail("threads wait for a bulk copy that nobody starts");
    }
    if (at_barrier_ > 0) {
      fail("some threads of a block wait at __syncthreads() that the others never reach");
    }
    fail("lanes wait for a lane of their mask that takes no part in the shuffle");
  }
  for (Thread& thread : threads_) Scheduler::put_away(thread);
  running = outer;
}

void Block::barrier() {
  Thread& thread = *current_;
  // Two edges in turn: a fast thread's next barrier must not order what it did before for a slow
  // thread that is still leaving this one.
  Edge& edge = barrier_edges_[barrier_generation_ % 2];
  edge.release();
  if (++at_barrier_ == threads_.size()) {
    at_barrier_ = 0;
    ++barrier_generation_;
    for (Thread& other : threads_) {
      if (other.state == State::at_barrier) other.state = State::ready;
    }
  } else {
    thread.state = State::at_barrier;
    scheduler_.leave();
  }
  edge.acquire();
}

std::uint32_t Block::arrive(Warp& warp, std::uint32_t mask) {
  Thread& thread = *current_;
  const unsigned number = linear(thread);
  if ((mask >> (number % kWarp) & 1) == 0) fail("a lane is not in the mask that it passes");
  if (warp.arrived != 0 && warp.mask != mask) fail("the lanes of a warp pass different masks");
  warp.mask = mask;
  warp.arrived |= 1U << (number % kWarp);
  const std::uint32_t generation = warp.generation;
  if (warp.arrived == mask) {
    warp.arrived = 0;
    ++warp.generation;
    const std::size_t first = std::size_t{number / kWarp} * kWarp;
    const std::size_t last = std::min(first + kWarp, threads_.size());
    for (std::size_t i = first; i < last; ++i) {
      if (threads_[i].state == State::in_warp) threads_[i].state = State::ready;
    }
  } else {
    thread.state = State::in_warp;
    scheduler_.leave();
  }
  return generation;
}

void Block::warp_barrier(std::uint32_t mask) {
  Warp& warp = warp_of(*current_);
  warp.edges[warp.generation % 2].release();
  const std::uint32_t generation = arrive(warp, mask);
  warp.edges[generation % 2].acquire();
}

std::uint64_t Block::exchange(std::uint32_t mask, std::uint64_t bits, unsigned source) {
  Warp& warp = warp_of(*current_);
  // The lane's own slot of this generation: read by all before the next but one overwrites it.
  warp.bits[warp.generation % 2][linear(*current_) % kWarp] = bits;
  const std::uint32_t generation = arrive(warp, mask);
  if ((mask >> source & 1) == 0) fail("a shuffle reads a lane that is not in its mask");
  return warp.bits[generation % 2][source];
}

std::uint32_t Block::vote(std::uint32_t mask, bool yes) {
  Warp& warp = warp_of(*current_);
  const unsigned lane = linear(*current_) % kWarp;
  warp.bits[warp.generation % 2][lane] = yes && static_cast<int>(lane) != schedule().lost_vote;
  const std::uint32_t generation = arrive(warp, mask);
  std::uint32_t votes = 0;
  for (unsigned other = 0; other < kWarp; ++other) {
    const bool in_favour = (mask >> other & 1) != 0 && warp.bits[generation % 2][other] != 0;
    votes |= static_cast<std::uint32_t>(in_favour) << other;
  }
  return votes;
}

void* Block::shared_array(const void* key, std::size_t bytes) {
  std::unique_ptr<SharedArray>& array = shared_[key];
  if (array == nullptr) array = std::make_unique<SharedArray>(bytes);
  if (array->bytes != bytes) fail("one shared array in two sizes");
  array->created.acquire();
  return array->memory.get();
}

void BulkState::land() {
  for (unsigned i = 0; i < bytes; ++i) to[i] = from[i];
  pending = false;
  ++phase;
}

void Block::bulk_wait(BulkBarrier* barrier, unsigned parity) {
  Thread& thread = *current_;
  BulkState& state = bulk_[barrier];
  while (state.phase % 2 == parity) {
    if (state.pending) {
      state.land();
    } else {
      thread.state = State::polling;
      scheduler_.leave();
    }
  }
  thread.state = State::ready;
}

}  // namespace crossover::emulation
