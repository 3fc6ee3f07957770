#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>

namespace crossover::cpu {

/// Sleeping on a word that processes share. std::atomic::wait() cannot: it sleeps on a futex that
/// is private to the process. Spurious returns are the caller's to handle.
struct SharedFutex {
  /// Sleeps until `word` is woken, unless it no longer holds `expected`.
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t expected) {
    syscall(SYS_futex, &word, FUTEX_WAIT, expected, nullptr, nullptr, 0);
  }
  static void wake_all(std::atomic<std::uint32_t>& word) {
    syscall(SYS_futex, &word, FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
  }
};

}  // namespace crossover::cpu
