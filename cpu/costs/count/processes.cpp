#include <pthread.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "common/buffer.hpp"
#include "common/counting.hpp"
#include "cpu/costs/count/count.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {

namespace {

/// A counter and its lock, in memory that processes share.
struct Counting {
  alignas(kLinePair) steps::Counter value{0};
  alignas(kLinePair) pthread_mutex_t mutex;
};

void add_with_mutex(Counting& to, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) {
    if (pthread_mutex_lock(&to.mutex) == EOWNERDEAD) {
      pthread_mutex_consistent(&to.mutex);  // the caller will notice who has died
    }
    steps::increment(to.value);
    pthread_mutex_unlock(&to.mutex);
  }
}

void add_with_atomic(Counting& to, std::uint64_t times) {
  for (std::uint64_t i = 0; i < times; ++i) to.value.fetch_add(1, std::memory_order_relaxed);
}

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

/// `kAdd` is a worker's part.
template <auto kAdd>
class ProcessCount final : public HostClockedOperation {
 public:
  ProcessCount(const Configuration& configuration, const Placement& placement)
      : elements_(configuration.elements),
        workers_(configuration.workers),
        memory_(sizeof(Counting), SharedMemory::Backing::memory),
        counting_(*new (memory_.data()) Counting) {
    make_shared(counting_.mutex);
    crew_ = make_pool(workers_, placement, [this](int worker, Order) {
      kAdd(counting_, counting::share(elements_, worker, workers_));
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

  std::uint64_t elements_;
  int workers_;
  SharedMemory memory_;
  Counting& counting_;
  std::unique_ptr<Crew> crew_;
  std::uint64_t start_ = 0;
  std::uint64_t operations_ = 0;
};

}  // namespace

std::vector<Offer> process_count_offers() {
  return {cost_offer<ProcessCount<add_with_mutex>>(costs::count(), {"mutex"}, crew_bytes),
          cost_offer<ProcessCount<add_with_atomic>>(costs::count(), {"atomic"}, crew_bytes)};
}

}  // namespace crossover::cpu
