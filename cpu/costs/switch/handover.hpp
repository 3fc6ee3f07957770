#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "common/buffer.hpp"
#include "common/descriptor.hpp"

/// Ways to hand a token over between two threads or two processes. A *channel* is a class with
///
///     explicit Channel(bool between_processes)
///     void hand(End to, Token token)          to the other end; only who holds the token may
///     Token await(End at, Token last)         waits for another token than `last`, the one that
///                                             this end had before
///     void break_off()                        the caller's await() returns kBroken from now on
///     span<const int> files() const           descriptors that both ends need, ascending
///
/// It lies in memory that both ends see, at the same address. Constructors throw std::system_error.
namespace crossover::cpu {

using Token = std::uint32_t;

/// Never a token in play.
inline constexpr Token kStop = 0xffffffff;
inline constexpr Token kBroken = 0xfffffffe;

enum class End : std::size_t { caller = 0, peer = 1 };

constexpr std::size_t index(End end) { return static_cast<std::size_t>(end); }

/// A cache line that goes to and fro: both ends look at it all the time, so nothing but the line
/// itself takes time. Who waits for longer than a millisecond looks less and less often, so that
/// between two samples nobody burns a CPU. Between threads.
class Line {
 public:
  static constexpr bool kSpins = true;
  explicit Line(bool) {}
  void hand(End to, Token token);
  Token await(End at, Token last);
  void break_off() { hand(End::caller, kBroken); }
  std::span<const int> files() const { return {}; }

 private:
  struct alignas(kLinePair) Handed {
    Token token = 0;
  };
  alignas(kLinePair) std::atomic<Token> word_{0};
  std::array<Handed, 2> handed_;  ///< what each end has put there itself
};

/// A word for each end, on which it sleeps in the kernel: the least that the system offers.
class Futexes {
 public:
  explicit Futexes(bool between_processes);
  void hand(End to, Token token);
  Token await(End at, Token last);
  void break_off() { hand(End::caller, kBroken); }
  std::span<const int> files() const { return {}; }

 private:
  struct alignas(kLinePair) Word {
    std::atomic<Token> token{0};
  };
  int scope_;
  std::array<Word, 2> words_;
};

/// A mutex, and a condition variable for each end. Between processes the mutex is a robust one, so
/// that a process that dies while it holds it does not hold it for ever.
class ConditionVariables {
 public:
  explicit ConditionVariables(bool between_processes);
  void hand(End to, Token token);
  Token await(End at, Token last);
  void break_off();
  std::span<const int> files() const { return {}; }

 private:
  void lock();
  void unlock() { pthread_mutex_unlock(&mutex_); }

  pthread_mutex_t mutex_{};
  std::array<pthread_cond_t, 2> came_{};
  std::array<Token, 2> tokens_{};
  bool broken_ = false;
};

/// A pipe to each end, through which the token itself travels.
class Pipes {
 public:
  explicit Pipes(bool between_processes);
  void hand(End to, Token token);
  Token await(End at, Token last);
  void break_off() { hand(End::caller, kBroken); }
  std::span<const int> files() const { return files_; }

 private:
  struct Pipe {
    Descriptor read;
    Descriptor write;
  };
  std::array<Pipe, 2> pipes_;  // by receiving end
  std::array<int, 4> files_{};
};

}  // namespace crossover::cpu
