#include "gpu/emulation/block.hpp"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <random>
#include <utility>
#include <vector>

// This file is compiled without ThreadSanitizer's instrumentation, so that the scheduler's own data
// is invisible to it: only the kernels' accesses count.
#if defined(CROSSOVER_EMULATION_TSAN)
#include <sanitizer/tsan_interface.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#define CROSSOVER_EMULATION_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CROSSOVER_EMULATION_ASAN 1
#endif
#endif
#if defined(CROSSOVER_EMULATION_ASAN)
#include <sanitizer/common_interface_defs.h>
#endif

// Fibers change by the compiler's own jumps: swapcontext() calls the system twice, and what the C
// library has instead the sanitizers take for the end of every function on the stack.
#if defined(__clang__) && !defined(__x86_64__)
#define CROSSOVER_EMULATION_LIBRARY_JUMPS 1
#define CROSSOVER_SET_JUMP(jump) _setjmp(jump)
#define CROSSOVER_JUMP(jump) _longjmp(jump, 1)
#else
#define CROSSOVER_SET_JUMP(jump) __builtin_setjmp(jump)
#define CROSSOVER_JUMP(jump) __builtin_longjmp(jump, 1)
#endif
// Another fiber runs before such a function returns: its caller must expect of it what it expects
// of any function, not only what can be seen in it (g++ -O2 keeps values in registers that it
// spares).
#if defined(__clang__)
#define CROSSOVER_JUMPS __attribute__((noinline, no_sanitize("address")))
#else
#define CROSSOVER_JUMPS __attribute__((noipa, no_sanitize("address")))
#endif

namespace crossover::emulation {

namespace {

#if defined(CROSSOVER_EMULATION_LIBRARY_JUMPS)
using Jump = jmp_buf;
#else
using Jump = void* [5];
#endif

constexpr std::size_t kStackBytes = std::size_t{64} << 10;
constexpr unsigned kWarp = 32;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "CUDA emulation: %s\n", what);
  std::abort();
}

/// A happens-before edge, as ThreadSanitizer knows them.
struct Edge {
  void release() {
#if defined(CROSSOVER_EMULATION_TSAN)
    __tsan_release(this);
#endif
  }
  void acquire() {
#if defined(CROSSOVER_EMULATION_TSAN)
    __tsan_acquire(this);
#endif
  }
  char at = 0;
};

enum class State { ready, at_barrier, in_warp, polling, done };

struct Stack;

struct Fiber {
  Coordinates coordinates;
  State state = State::ready;
  Stack* stack = nullptr;
  void* tsan_fiber = nullptr;
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
  explicit SharedArray(std::size_t size)
      : bytes(size), memory(std::make_unique<std::byte[]>(std::max<std::size_t>(size, 1))) {
    for (std::size_t i = 0; i < size; ++i) memory[i] = std::byte{0xff};
    created.release();
  }
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
};

#if defined(CROSSOVER_EMULATION_TSAN)
/// ThreadSanitizer's part of a grid's fibers. To make one takes long, and grids run one after the
/// other: those of one that has ended do for the next. ThreadSanitizer has at most 8128 at a time.
class TsanFibers {
 public:
  void* take() {
    if (idle_.empty()) return __tsan_create_fiber(0);
    void* const fiber = idle_.back();
    idle_.pop_back();
    return fiber;
  }
  /// Not for other fibers of the same grid, which nothing orders behind it.
  void give_back(void* fiber) {
    if (used_.size() < kMostUsed) {
      used_.push_back(fiber);
    } else {
      __tsan_destroy_fiber(fiber);
    }
  }
  void grid_has_ended() {
    idle_.insert(idle_.end(), used_.begin(), used_.end());
    used_.clear();
  }

 private:
  static constexpr std::size_t kMostUsed = 2048;
  std::vector<void*> idle_;
  std::vector<void*> used_;
} tsan_fibers;
#endif

class Block;

/// Blocks whose memory is kept; those that are freed all the same are ordered before those to come.
constexpr std::size_t kMostRetired = 512;

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

/// A fiber's stack. Stacks are used again, by fibers that know nothing of each other; so as not to
/// be taken for races, the later one is ordered behind the earlier. Under ThreadSanitizer there are
/// so many that no block's fibers are ordered behind those of the blocks just before.
struct Stack {
  void* memory = nullptr;
  Edge edge;
  bool entered = false;  ///< does `jump` lead onto it?
  Jump jump;
  void* asan_stack = nullptr;
};

#if defined(CROSSOVER_EMULATION_TSAN)
constexpr std::size_t kStacks = 8191;
#else
constexpr std::size_t kStacks = 1024;
#endif

Stack& next_stack() {
  static std::vector<Stack> stacks(kStacks);
  static std::size_t next = 0;
  Stack& stack = stacks[next++ % kStacks];
  if (stack.memory == nullptr) {
    stack.memory = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack.memory == MAP_FAILED) fail("no memory for a fiber's stack");
    stack.edge.release();
  }
  return stack;
}

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
  void give_way() { leave(); }
  void* shared_array(const void* key, std::size_t bytes);
  BulkState& bulk_state(BulkBarrier* barrier);
  void bulk_wait(BulkBarrier* barrier, unsigned parity);
  void* dynamic_shared();
  const Coordinates& here() const { return current_->coordinates; }

 private:
  static void enter();
  void start(Fiber& fiber);
  CROSSOVER_JUMPS void resume(Fiber& fiber);
  CROSSOVER_JUMPS void go_onto(Stack& stack);
  CROSSOVER_JUMPS void leave();  // back to the scheduler
  CROSSOVER_JUMPS void go_back();
  std::uint32_t arrive(Warp& warp, std::uint32_t mask);
  unsigned linear(const Fiber& fiber) const {
    return fiber.coordinates.thread.x +
           fiber.coordinates.block_size.x *
               (fiber.coordinates.thread.y +
                fiber.coordinates.block_size.y * fiber.coordinates.thread.z);
  }
  Warp& warp_of(const Fiber& fiber) { return warps_[linear(fiber) / kWarp]; }

  Grid& grid_;
  std::vector<Fiber> fibers_;
  std::vector<Warp> warps_;
  SharedArrays shared_;
  std::map<BulkBarrier*, BulkState> bulk_;
  Edge barrier_edges_[2];
  unsigned barrier_generation_ = 0;
  std::size_t at_barrier_ = 0;
  std::size_t done_ = 0;
  Fiber* current_ = nullptr;
  Jump scheduler_;
#if defined(CROSSOVER_EMULATION_TSAN)
  void* scheduler_tsan_ = nullptr;
#endif
#if defined(CROSSOVER_EMULATION_ASAN)
  void* scheduler_asan_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_stack_bytes_ = 0;
#endif
};

Block* running = nullptr;
Edge fence_edge;

Block::Block(Grid& grid, Extent index)
    : grid_(grid),
      fibers_(std::size_t{grid.block.x} * grid.block.y * grid.block.z),
      warps_((fibers_.size() + kWarp - 1) / kWarp) {
  const Extent block = grid.block;
  std::size_t i = 0;
  for (unsigned z = 0; z < block.z; ++z) {
    for (unsigned y = 0; y < block.y; ++y) {
      for (unsigned x = 0; x < block.x; ++x) {
        fibers_[i++].coordinates = {{x, y, z}, index, block, grid.size};
      }
    }
  }
}

void Block::start(Fiber& fiber) {
  fiber.stack = &next_stack();
#if defined(CROSSOVER_EMULATION_TSAN)
#if defined(CROSSOVER_EMULATION_LIBRARY_JUMPS)
  // A jump's aim is known by the fiber that set it, and this fiber is new.
  fiber.stack->entered = false;
#endif
  fiber.tsan_fiber = tsan_fibers.take();
#endif
}

// Runs one fiber after the other: those that are given this stack.
void Block::enter() {
#if defined(CROSSOVER_EMULATION_ASAN)
  __sanitizer_finish_switch_fiber(nullptr, &running->scheduler_stack_,
                                  &running->scheduler_stack_bytes_);
#endif
  for (;;) {
    Block& block = *running;
    Stack& stack = *block.current_->stack;
    stack.edge.acquire();
    block.grid_.launched.acquire();
    block.grid_.body();
    block.grid_.finished.release();
    stack.edge.release();
    block.current_->state = State::done;
    ++block.done_;
    block.leave();
  }
}

void Block::resume(Fiber& fiber) {
  current_ = &fiber;
  if (CROSSOVER_SET_JUMP(scheduler_) == 0) go_onto(*fiber.stack);
#if defined(CROSSOVER_EMULATION_ASAN)
  __sanitizer_finish_switch_fiber(scheduler_asan_, nullptr, nullptr);
#endif
  current_ = nullptr;
}

void Block::go_onto(Stack& stack) {
#if defined(CROSSOVER_EMULATION_ASAN)
  __sanitizer_start_switch_fiber(&scheduler_asan_, stack.memory, kStackBytes);
#endif
#if defined(CROSSOVER_EMULATION_TSAN)
  __tsan_switch_to_fiber(current_->tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
  if (stack.entered) CROSSOVER_JUMP(stack.jump);
  stack.entered = true;
  ucontext_t first;
  getcontext(&first);
  first.uc_stack.ss_sp = stack.memory;
  first.uc_stack.ss_size = kStackBytes;
  first.uc_link = nullptr;
  makecontext(&first, &Block::enter, 0);
  setcontext(&first);
}

void Block::leave() {
  if (CROSSOVER_SET_JUMP(current_->stack->jump) == 0) go_back();
#if defined(CROSSOVER_EMULATION_ASAN)
  // Behind a fiber's end this is another fiber's begin, maybe in another block.
  Block& block = *running;
  __sanitizer_finish_switch_fiber(block.current_->stack->asan_stack, &block.scheduler_stack_,
                                  &block.scheduler_stack_bytes_);
#endif
}

void Block::go_back() {
#if defined(CROSSOVER_EMULATION_ASAN)
  __sanitizer_start_switch_fiber(&current_->stack->asan_stack, scheduler_stack_,
                                 scheduler_stack_bytes_);
#endif
#if defined(CROSSOVER_EMULATION_TSAN)
  __tsan_switch_to_fiber(scheduler_tsan_, __tsan_switch_to_fiber_no_sync);
#endif
  CROSSOVER_JUMP(scheduler_);
}

void Block::run() {
  Block* const outer = std::exchange(running, this);
#if defined(CROSSOVER_EMULATION_TSAN)
  scheduler_tsan_ = __tsan_get_current_fiber();
#endif
  std::vector<std::size_t> turns(fibers_.size());
  for (std::size_t i = 0; i < turns.size(); ++i) turns[i] = i;
  if (schedule().order == Order::descending) std::reverse(turns.begin(), turns.end());
  std::mt19937 random(schedule().seed);
  for (Fiber& fiber : fibers_) start(fiber);
  while (done_ < fibers_.size()) {
    if (schedule().order == Order::shuffled) std::shuffle(turns.begin(), turns.end(), random);
    bool progress = false;
    for (const std::size_t turn : turns) {
      const State before = fibers_[turn].state;
      if (before != State::ready && before != State::polling) continue;
      resume(fibers_[turn]);
      if (before == State::ready || fibers_[turn].state != State::polling) progress = true;
    }
    if (progress) continue;
    for (const Fiber& fiber : fibers_) {
      if (fiber.state == State::polling) fail("threads wait for a bulk copy that nobody starts");
    }
    if (at_barrier_ > 0) {
      fail("some threads of a block wait at __syncthreads() that the others never reach");
    }
    fail("lanes wait for a lane of their mask that takes no part in the shuffle");
  }
#if defined(CROSSOVER_EMULATION_TSAN)
  for (Fiber& fiber : fibers_) tsan_fibers.give_back(fiber.tsan_fiber);
#endif
  running = outer;
}

void Block::barrier() {
  Fiber& fiber = *current_;
  // Two edges in turn: a fast thread's next barrier must not order what it did before for a slow
  // thread that is still leaving this one.
  Edge& edge = barrier_edges_[barrier_generation_ % 2];
  edge.release();
  if (++at_barrier_ == fibers_.size()) {
    at_barrier_ = 0;
    ++barrier_generation_;
    for (Fiber& other : fibers_) {
      if (other.state == State::at_barrier) other.state = State::ready;
    }
  } else {
    fiber.state = State::at_barrier;
    leave();
  }
  edge.acquire();
}

std::uint32_t Block::arrive(Warp& warp, std::uint32_t mask) {
  Fiber& fiber = *current_;
  const unsigned thread = linear(fiber);
  if ((mask >> (thread % kWarp) & 1) == 0) fail("a lane is not in the mask that it passes");
  if (warp.arrived != 0 && warp.mask != mask) fail("the lanes of a warp pass different masks");
  warp.mask = mask;
  warp.arrived |= 1U << (thread % kWarp);
  const std::uint32_t generation = warp.generation;
  if (warp.arrived == mask) {
    warp.arrived = 0;
    ++warp.generation;
    const std::size_t first = std::size_t{thread / kWarp} * kWarp;
    const std::size_t last = std::min(first + kWarp, fibers_.size());
    for (std::size_t i = first; i < last; ++i) {
      if (fibers_[i].state == State::in_warp) fibers_[i].state = State::ready;
    }
  } else {
    fiber.state = State::in_warp;
    leave();
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

void* Block::dynamic_shared() { return shared_array(&grid_, grid_.dynamic_bytes); }

void land(BulkState& state) {
  for (unsigned i = 0; i < state.bytes; ++i) state.to[i] = state.from[i];
  state.pending = false;
  ++state.phase;
}

BulkState& Block::bulk_state(BulkBarrier* barrier) { return bulk_[barrier]; }

void Block::bulk_wait(BulkBarrier* barrier, unsigned parity) {
  Fiber& fiber = *current_;
  BulkState& state = bulk_[barrier];
  while (state.phase % 2 == parity) {
    if (state.pending) {
      land(state);
    } else {
      fiber.state = State::polling;
      leave();
    }
  }
  fiber.state = State::ready;
}

}  // namespace

const Coordinates& here() { return running->here(); }

unsigned x_of(Extent Coordinates::*which) { return (running->here().*which).x; }

Schedule& schedule() {
  static Schedule current;
  return current;
}

void run_grid(Extent grid, Extent block, std::size_t dynamic_shared_bytes,
              const std::function<void()>& body) {
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
    whole.retired.back()->run();
    if (whole.retired.size() > kMostRetired) {
      whole.finished.acquire();
      whole.retired.clear();
    }
  }
  whole.finished.acquire();
#if defined(CROSSOVER_EMULATION_TSAN)
  tsan_fibers.grid_has_ended();
#endif
}

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
  if (schedule().eager_copies) land(state);
}
void bulk_wait(BulkBarrier* barrier, unsigned parity) { running->bulk_wait(barrier, parity); }

}  // namespace crossover::emulation
