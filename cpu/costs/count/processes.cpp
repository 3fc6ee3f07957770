#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/buffer.hpp"
#include "cpu/costs/count/count.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/shared.hpp"

namespace crossover::cpu {

namespace {

/// A lock that processes share. Robust: one that dies while it holds the lock does not hold it for
/// ever.
class RobustMutex : public steps::Shared {
 public:
  RobustMutex(const Configuration& configuration, const Placement& placement)
      : Shared(configuration, placement) {
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    const int error = pthread_mutex_init(&mutex_, &attributes);
    pthread_mutexattr_destroy(&attributes);
    if (error != 0) throw Unavailable(std::strerror(error));
  }
  RobustMutex(const RobustMutex&) = delete;
  RobustMutex& operator=(const RobustMutex&) = delete;
  ~RobustMutex() { pthread_mutex_destroy(&mutex_); }

  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
      if (pthread_mutex_lock(&mutex_) == EOWNERDEAD) {
        pthread_mutex_consistent(&mutex_);  // the caller will notice who has died
      }
      steps::increment(counter_);
      pthread_mutex_unlock(&mutex_);
    }
  }

 private:
  alignas(kLinePair) pthread_mutex_t mutex_;
};

/// A step in memory that processes share.
template <class Step>
class InOneMemory {
 public:
  InOneMemory(const Configuration& configuration, const Placement& placement)
      : step_(1, configuration, placement) {}
  void set(std::uint64_t value) { step_->set(value); }
  std::uint64_t value() const { return step_->value(); }
  void add(int worker, std::uint64_t times) { step_->add(worker, times); }

 private:
  InSharedMemory<Step> step_;
};

}  // namespace

std::vector<Offer> process_count_offers() {
  return {count_offer<ProcessPool, InOneMemory<RobustMutex>>("mutex", crew_bytes),
          count_offer<ProcessPool, InOneMemory<steps::Atomic>>("atomic", crew_bytes)};
}

}  // namespace crossover::cpu
