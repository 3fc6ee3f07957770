#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>

#include "common/buffer.hpp"
#include "common/counting.hpp"
#include "cpu/process/costs.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {

namespace {

/// A counter and its lock, in memory that processes share.
struct Counting {
  alignas(kLinePair) std::atomic<std::uint64_t> value{0};
  alignas(kLinePair) pthread_mutex_t mutex;
};

/// Robust: a process that dies while it holds the lock does not hold it for ever.
void make_shared(pthread_mutex_t& mutex) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  const int error = pthread_mutex_init(&mutex, &attributes);
  pthread_mutexattr_destroy(&attributes);
  if (error != 0) throw Unavailable(std::strerror(error));
}

class ProcessCount final : public HostClockedOperation {
 public:
  ProcessCount(const Configuration& configuration, const Placement& placement)
      : elements_(configuration.elements),
        workers_(configuration.workers),
        locks_(configuration.variant == "mutex"),
        memory_(sizeof(Counting), SharedMemory::Backing::memory),
        counting_(*new (memory_.data()) Counting) {
    if (!locks_ && configuration.variant != "atomic") {
      throw std::invalid_argument("count has no variant '" + configuration.variant + "'");
    }
    make_shared(counting_.mutex);
    crew_ = make_pool(workers_, placement, [this](int worker, Order) {
      add(counting::share(elements_, worker, workers_));
    });
  }
  ProcessCount(const ProcessCount&) = delete;
  ProcessCount& operator=(const ProcessCount&) = delete;
  ~ProcessCount() override {
    crew_.reset();
    pthread_mutex_destroy(&counting_.mutex);
  }

  void renew(std::uint32_t salt) override {
    start_ = counting::first(salt);
    operations_ = 0;
    counting_.value.store(start_, std::memory_order_relaxed);
  }

  Nanoseconds time(std::int64_t operations) override {
    operations_ += static_cast<std::uint64_t>(operations);
    return HostClockedOperation::time(operations);
  }

  Verdict verify() override {
    return counting::verify({start_, operations_, elements_},
                            counting_.value.load(std::memory_order_relaxed), false);
  }

  std::vector<int> processes() const override { return crew_->processes(); }

 private:
  void run() override { crew_->run({}); }

  void add(std::uint64_t times) {
    std::atomic<std::uint64_t>& value = counting_.value;
    for (std::uint64_t i = 0; i < times; ++i) {
      if (!locks_) {
        value.fetch_add(1, std::memory_order_relaxed);
        continue;
      }
      if (pthread_mutex_lock(&counting_.mutex) == EOWNERDEAD) {
        pthread_mutex_consistent(&counting_.mutex);  // the caller will notice who has died
      }
      value.store(value.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
      pthread_mutex_unlock(&counting_.mutex);
    }
  }

  std::uint64_t elements_;
  int workers_;
  bool locks_;
  SharedMemory memory_;
  Counting& counting_;
  std::unique_ptr<Crew> crew_;
  std::uint64_t start_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace

std::unique_ptr<Operation> make_process_count(const Configuration& configuration,
                                              const Placement& placement) {
  return std::make_unique<ProcessCount>(configuration, placement);
}

}  // namespace crossover::cpu
