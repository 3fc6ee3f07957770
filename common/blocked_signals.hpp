#pragma once

#include <pthread.h>

#include <csignal>

namespace crossover {

inline sigset_t all_signals() {
  sigset_t set;
  sigfillset(&set);
  return set;
}

/// While it lives, `set` alone is what this thread is deaf to, and so are the threads and processes
/// that it starts, for as long as they like.
class BlockedSignals {
 public:
  explicit BlockedSignals(const sigset_t& set) { pthread_sigmask(SIG_SETMASK, &set, &before_); }
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;
  ~BlockedSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

}  // namespace crossover
