#include "cpu/costs/switch/handover.hpp"

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <optional>
#include <system_error>
#include <thread>

namespace crossover::cpu {

void Line::hand(End to, Token token) {
  handed_[1 - index(to)].token = token;
  word_.store(token, std::memory_order_release);
}

Token Line::await(End at, Token last) {
  using std::chrono::microseconds;
  using std::chrono::steady_clock;
  constexpr int kLooks = 4096;  // before it reads the clock: some microseconds
  constexpr microseconds kSpin{1000};
  constexpr microseconds kShortestSleep{50};
  constexpr microseconds kLongestSleep{10000};
  const Token own = handed_[index(at)].token;
  std::optional<steady_clock::time_point> start;
  for (;;) {
    for (int look = 0; look < kLooks; ++look) {
      const Token token = word_.load(std::memory_order_acquire);
      if (token != last && token != own) return token;
    }
    if (!start) start = steady_clock::now();
    const auto waited = std::chrono::duration_cast<microseconds>(steady_clock::now() - *start);
    if (waited < kSpin) continue;
    std::this_thread::sleep_for(std::clamp(waited / 4, kShortestSleep, kLongestSleep));
  }
}

Futexes::Futexes(bool between_processes) : scope_(between_processes ? 0 : FUTEX_PRIVATE_FLAG) {}

void Futexes::hand(End to, Token token) {
  std::atomic<Token>& word = words_[index(to)].token;
  word.store(token, std::memory_order_release);
  syscall(SYS_futex, &word, FUTEX_WAKE | scope_, 1, nullptr, nullptr, 0);
}

Token Futexes::await(End at, Token last) {
  std::atomic<Token>& word = words_[index(at)].token;
  for (;;) {
    const Token token = word.load(std::memory_order_acquire);
    if (token != last) return token;
    syscall(SYS_futex, &word, FUTEX_WAIT | scope_, last, nullptr, nullptr, 0);
  }
}

ConditionVariables::ConditionVariables(bool between_processes) {
  pthread_mutexattr_t mutex;
  pthread_condattr_t condition;
  pthread_mutexattr_init(&mutex);
  pthread_condattr_init(&condition);
  const int scope = between_processes ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE;
  const int robust = between_processes ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED;
  const auto must = [](int error) {
    if (error != 0)
      throw std::system_error(error, std::generic_category(), "no condition variable");
  };
  must(pthread_mutexattr_setpshared(&mutex, scope));
  must(pthread_mutexattr_setrobust(&mutex, robust));
  must(pthread_condattr_setpshared(&condition, scope));
  must(pthread_mutex_init(&mutex_, &mutex));
  for (pthread_cond_t& came : came_) must(pthread_cond_init(&came, &condition));
  pthread_mutexattr_destroy(&mutex);
  pthread_condattr_destroy(&condition);
  // They are never destroyed: they own nothing, and destroying one waits for its waiters, of whom
  // one may have been killed.
}

void ConditionVariables::lock() {
  if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) pthread_mutex_consistent(&mutex_);
}

void ConditionVariables::hand(End to, Token token) {
  lock();
  tokens_[index(to)] = token;
  unlock();
  pthread_cond_signal(&came_[index(to)]);
}

Token ConditionVariables::await(End at, Token last) {
  lock();
  while (tokens_[index(at)] == last && !(broken_ && at == End::caller)) {
    if (pthread_cond_wait(&came_[index(at)], &mutex_) == EOWNERDEAD) {
      pthread_mutex_consistent(&mutex_);
    }
  }
  const Token token = broken_ && at == End::caller ? kBroken : tokens_[index(at)];
  unlock();
  return token;
}

void ConditionVariables::break_off() {
  lock();
  broken_ = true;
  unlock();
  pthread_cond_signal(&came_[index(End::caller)]);
}

Pipes::Pipes(bool) {
  for (Pipe& pipe : pipes_) {
    int files[2];
    if (pipe2(files, O_CLOEXEC) != 0) {
      throw std::system_error(errno, std::generic_category(), "no pipe");
    }
    pipe = {Descriptor(files[0]), Descriptor(files[1])};
  }
  files_ = {pipes_[0].read.get(), pipes_[0].write.get(), pipes_[1].read.get(),
            pipes_[1].write.get()};
  std::sort(files_.begin(), files_.end());
}

void Pipes::hand(End to, Token token) {
  // Four bytes go at once or not at all, and there is always room: there is but one token.
  while (write(pipes_[index(to)].write.get(), &token, sizeof token) < 0 && errno == EINTR) {
  }
}

Token Pipes::await(End at, Token) {
  Token token = kBroken;
  for (;;) {
    const ssize_t count = read(pipes_[index(at)].read.get(), &token, sizeof token);
    if (count == sizeof token) return token;
    if (count < 0 && errno == EINTR) continue;
    return kBroken;
  }
}

}  // namespace crossover::cpu
