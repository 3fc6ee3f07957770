#pragma once

namespace crossover::cpu {

/// Tells the core that this is a spin loop, so that an SMT sibling gets its turn.
inline void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace crossover::cpu
