#pragma once

#if defined(CROSSOVER_THREAD_SANITIZER)
#include <sanitizer/tsan_interface.h>
#endif

#include <functional>
#include <memory>

// Another fiber runs before such a function returns: its caller must expect of it what it expects
// of any function, not only what can be seen in it (g++ -O2 keeps values in registers that it
// spares).
#if defined(__clang__)
#define CROSSOVER_JUMPS __attribute__((noinline, no_sanitize("address")))
#else
#define CROSSOVER_JUMPS __attribute__((noipa, no_sanitize("address")))
#endif

/// Fibers, as the CUDA threads of the emulation need them: so many that a change from one to the
/// next must be cheap, and known to the sanitizers.
///
/// What includes this is compiled without ThreadSanitizer's instrumentation, so that the
/// schedulers' own data is invisible to it: only what the fibers do counts.
namespace crossover::emulation {

/// Ends the program: what the emulated kernel does has no meaning in CUDA.
[[noreturn]] void fail(const char* what);

/// A happens-before edge, as ThreadSanitizer knows them.
struct Edge {
  void release() {
#if defined(CROSSOVER_THREAD_SANITIZER)
    __tsan_release(this);
#endif
  }
  void acquire() {
#if defined(CROSSOVER_THREAD_SANITIZER)
    __tsan_acquire(this);
#endif
  }
  char at = 0;
};

struct Stack;

struct Fiber {
  Stack* stack = nullptr;
  void* tsan_fiber = nullptr;
};

/// Gives fibers their turns, on the thread that made it. Schedulers may be nested: a fiber may have
/// one of its own.
class Scheduler {
 public:
  /// Every fiber runs `body`, once.
  explicit Scheduler(std::function<void()> body);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  /// Readies a fiber for its first turn.
  static void start(Fiber& fiber);
  /// Returns when the fiber leaves, or has come to its end.
  CROSSOVER_JUMPS void resume(Fiber& fiber);
  /// To be called by the fiber that has its turn; returns at its next one.
  CROSSOVER_JUMPS void leave();
  /// Puts away a fiber that has come to its end.
  static void put_away(Fiber& fiber);

 private:
  struct Place;
  static void enter();
  CROSSOVER_JUMPS void go_onto(Stack& stack);
  CROSSOVER_JUMPS void go_back();

  std::function<void()> body_;
  Fiber* current_ = nullptr;
  std::unique_ptr<Place> place_;  ///< where the scheduler itself goes on
};

/// Says that everything that ran on fibers so far is over: those to come are ordered behind it.
void fibers_are_over();

}  // namespace crossover::emulation
