#include "gpu/emulation/block.hpp"

#include <algorithm>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "gpu/emulation/threads.hpp"

namespace crossover::emulation {

namespace {

/// Blocks whose memory is kept; those that are freed all the same are ordered before those to come.
constexpr std::size_t kMostRetired = 512;

Edge fence_edge;

// Of the grid that runs.
std::vector<Hidden> to_hide;
bool is_hidden = false;

void hide(bool now) {
  if (is_hidden == now) return;
  is_hidden = now;
  for (Hidden& hidden : to_hide) {
    for (std::size_t i = 0; i < hidden.behind.size(); ++i) {
      std::swap(hidden.at[i], hidden.behind[i]);
    }
  }
}

}  // namespace

const Coordinates& here() { return running->here(); }

unsigned x_of(Extent Coordinates::*which) { return (running->here().*which).x; }

Schedule& schedule() {
  static Schedule current;
  return current;
}

void run_grid(Extent grid, Extent block, std::size_t dynamic_shared_bytes,
              const std::function<void()>& body, std::vector<Hidden> early) {
  to_hide = std::move(early);
  const std::uint64_t blocks = std::uint64_t{grid.x} * grid.y * grid.z;
  const std::uint64_t first = std::min(schedule().first_block, blocks);
  const std::uint64_t last = std::min(schedule().last_block, blocks);
  Grid whole{grid, block, dynamic_shared_bytes, body};
  whole.launched.release();
  std::mt19937 random(schedule().seed);
  std::vector<std::uint64_t> turns(last - first);
  for (std::uint64_t i = 0; i < turns.size(); ++i) turns[i] = first + i;
  if (schedule().order == Order::descending) std::reverse(turns.begin(), turns.end());
  if (schedule().order == Order::shuffled) std::shuffle(turns.begin(), turns.end(), random);
  for (const std::uint64_t turn : turns) {
    const Extent index{static_cast<unsigned>(turn % grid.x),
                       static_cast<unsigned>(turn / grid.x % grid.y),
                       static_cast<unsigned>(turn / grid.x / grid.y)};
    whole.retired.push_back(std::make_unique<Block>(whole, index));
    hide(true);
    whole.retired.back()->run();
    if (whole.retired.size() > kMostRetired) {
      whole.finished.acquire();
      whole.retired.clear();
    }
  }
  hide(false);
  whole.finished.acquire();
  fibers_are_over();
}

void wait_for_dependency() { hide(false); }

std::uint64_t nanoseconds() {
  // A clock of its own: threads that watch it do so one after the other, and would take real time.
  static std::uint64_t now = 0;
  return now += 100'000;
}

void barrier() { running->barrier(); }
void warp_barrier(std::uint32_t mask) { running->warp_barrier(mask); }
std::uint64_t exchange(std::uint32_t mask, std::uint64_t bits, unsigned source) {
  return running->exchange(mask, bits, source);
}
std::uint32_t vote(std::uint32_t mask, bool yes) { return running->vote(mask, yes); }
void give_way() { running->give_way(); }
bool addition_takes_place() {
  int& lost = schedule().lost_addition;
  return lost < 0 || lost-- != 0;
}
void fence() {
  fence_edge.acquire();
  fence_edge.release();
}
void* shared_array(const void* key, std::size_t bytes) { return running->shared_array(key, bytes); }
void* dynamic_shared() { return running->dynamic_shared(); }

void bulk_init(BulkBarrier* barrier) { running->bulk_state(barrier) = {}; }
void bulk_load(void* to, const void* from, unsigned bytes, BulkBarrier* barrier) {
  if (bytes % 16 != 0 || reinterpret_cast<std::uintptr_t>(to) % 16 != 0 ||
      reinterpret_cast<std::uintptr_t>(from) % 16 != 0) {
    fail("a bulk copy whose addresses or size are no multiples of 16 bytes");
  }
  BulkState& state = running->bulk_state(barrier);
  if (state.pending) fail("two bulk copies in one phase of a barrier");
  state = {state.phase, true, static_cast<std::byte*>(to), static_cast<const std::byte*>(from),
           bytes};
  if (schedule().eager_copies) state.land();
}
void bulk_wait(BulkBarrier* barrier, unsigned parity) { running->bulk_wait(barrier, parity); }

}  // namespace crossover::emulation
