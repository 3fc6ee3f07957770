#include "gpu/emulation/fiber.hpp"

#include <setjmp.h>
#include <sys/mman.h>
#include <ucontext.h>

#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <utility>
#include <vector>

#if defined(CROSSOVER_ADDRESS_SANITIZER)
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

namespace crossover::emulation {

namespace {

#if defined(CROSSOVER_EMULATION_LIBRARY_JUMPS)
using Jump = jmp_buf;
#else
using Jump = void* [5];
#endif

constexpr std::size_t kStackBytes = std::size_t{64} << 10;

#if defined(CROSSOVER_THREAD_SANITIZER)
/// ThreadSanitizer's part of a grid's fibers. To make one takes long, and grids run one after the
/// other: those of one that has ended do for the next. ThreadSanitizer has at most 8128 at a time.
/// In a larger grid they are used again, in turns; what runs on those may be taken for ordered, so
/// that its races beyond the first kMost threads may be missed.
class TsanFibers {
 public:
  void* take() {
    if (idle_.empty() && made_ < kMost) {
      ++made_;
      return __tsan_create_fiber(0);
    }
    std::deque<void*>& from = idle_.empty() ? used_ : idle_;
    void* const fiber = from.front();
    from.pop_front();
    return fiber;
  }
  void give_back(void* fiber) { used_.push_back(fiber); }
  void grid_has_ended() {
    idle_.insert(idle_.end(), used_.begin(), used_.end());
    used_.clear();
  }

 private:
  static constexpr std::size_t kMost = 7000;
  std::size_t made_ = 0;
  std::deque<void*> idle_;
  std::deque<void*> used_;
} tsan_fibers;
#endif

}  // namespace

/// A fiber's stack. Stacks are used again, by fibers that know nothing of each other; so as not to
/// be taken for races, the later one is ordered behind the earlier. Under ThreadSanitizer there are
/// so many that no block's fibers are ordered behind those of the blocks just before.
struct Stack {
  void* memory = nullptr;
  Edge edge;
  bool entered = false;  ///< does `jump` lead onto it?
  Jump jump{};
  void* asan_stack = nullptr;
};

struct Scheduler::Place {
  Jump jump{};
  void* tsan_fiber = nullptr;
  void* asan_stack = nullptr;
  const void* stack = nullptr;
  std::size_t stack_bytes = 0;
};

namespace {

#if defined(CROSSOVER_THREAD_SANITIZER)
constexpr std::size_t kStacks = 8191;
#else
constexpr std::size_t kStacks = 1024;
#endif

/// Of all stacks at once: for each mapping ThreadSanitizer writes what it knows of its bytes,
/// unless it is large.
std::byte* memory_for_stacks() {
  void* const memory = mmap(nullptr, kStacks * kStackBytes, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) fail("no memory for fibers' stacks");
  return static_cast<std::byte*>(memory);
}

Stack& next_stack() {
  static std::byte* const memory = memory_for_stacks();
  static std::vector<Stack> stacks(kStacks);
  static std::size_t next = 0;
  const std::size_t place = next++ % kStacks;
  Stack& stack = stacks[place];
  if (stack.memory == nullptr) {
    stack.memory = memory + place * kStackBytes;
    stack.edge.release();
  }
  return stack;
}

// Whose fiber was the last to get its turn.
Scheduler* running = nullptr;

}  // namespace

void fail(const char* what) {
  std::fprintf(stderr, "CUDA emulation: %s\n", what);
  std::abort();
}

void fibers_are_over() {
#if defined(CROSSOVER_THREAD_SANITIZER)
  tsan_fibers.grid_has_ended();
#endif
}

Scheduler::Scheduler(std::function<void()> body)
    : body_(std::move(body)), place_(std::make_unique<Place>()) {
#if defined(CROSSOVER_THREAD_SANITIZER)
  place_->tsan_fiber = __tsan_get_current_fiber();
#endif
}

Scheduler::~Scheduler() = default;

void Scheduler::start(Fiber& fiber) {
  fiber.stack = &next_stack();
#if defined(CROSSOVER_THREAD_SANITIZER)
#if defined(CROSSOVER_EMULATION_LIBRARY_JUMPS)
  // A jump's aim is known by the fiber that set it, and this fiber is new.
  fiber.stack->entered = false;
#endif
  fiber.tsan_fiber = tsan_fibers.take();
#endif
}

void Scheduler::put_away([[maybe_unused]] Fiber& fiber) {
#if defined(CROSSOVER_THREAD_SANITIZER)
  tsan_fibers.give_back(fiber.tsan_fiber);
#endif
}

// Runs one fiber after the other: those that are given this stack.
void Scheduler::enter() {
#if defined(CROSSOVER_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(nullptr, &running->place_->stack, &running->place_->stack_bytes);
#endif
  for (;;) {
    Scheduler& scheduler = *running;
    Stack& stack = *scheduler.current_->stack;
    stack.edge.acquire();
    scheduler.body_();
    stack.edge.release();
    scheduler.leave();
  }
}

void Scheduler::resume(Fiber& fiber) {
  running = this;
  current_ = &fiber;
  if (CROSSOVER_SET_JUMP(place_->jump) == 0) go_onto(*fiber.stack);
#if defined(CROSSOVER_ADDRESS_SANITIZER)
  __sanitizer_finish_switch_fiber(place_->asan_stack, nullptr, nullptr);
#endif
  current_ = nullptr;
}

void Scheduler::go_onto(Stack& stack) {
#if defined(CROSSOVER_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&place_->asan_stack, stack.memory, kStackBytes);
#endif
#if defined(CROSSOVER_THREAD_SANITIZER)
  __tsan_switch_to_fiber(current_->tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
  if (stack.entered) CROSSOVER_JUMP(stack.jump);
  stack.entered = true;
  ucontext_t first;
  getcontext(&first);
  first.uc_stack.ss_sp = stack.memory;
  first.uc_stack.ss_size = kStackBytes;
  first.uc_link = nullptr;
  makecontext(&first, &Scheduler::enter, 0);
  setcontext(&first);
}

void Scheduler::leave() {
  if (CROSSOVER_SET_JUMP(current_->stack->jump) == 0) go_back();
#if defined(CROSSOVER_ADDRESS_SANITIZER)
  // Behind a fiber's end this is another fiber's begin, maybe of another scheduler.
  Scheduler& scheduler = *running;
  __sanitizer_finish_switch_fiber(scheduler.current_->stack->asan_stack, &scheduler.place_->stack,
                                  &scheduler.place_->stack_bytes);
#endif
}

void Scheduler::go_back() {
#if defined(CROSSOVER_ADDRESS_SANITIZER)
  __sanitizer_start_switch_fiber(&current_->stack->asan_stack, place_->stack, place_->stack_bytes);
#endif
#if defined(CROSSOVER_THREAD_SANITIZER)
  __tsan_switch_to_fiber(place_->tsan_fiber, __tsan_switch_to_fiber_no_sync);
#endif
  CROSSOVER_JUMP(place_->jump);
}

}  // namespace crossover::emulation
