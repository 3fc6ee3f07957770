#include <fmt/format.h>

#include <atomic>
#include <cstdint>
#include <system_error>
#include <thread>
#include <vector>

#include "common/topology.hpp"
#include "cpu/costs/count/count.hpp"
#include "cpu/costs/create/create.hpp"
#include "cpu/costs/switch/switch.hpp"
#include "cpu/costs/wait/mixed.hpp"
#include "cpu/costs/wait/wait.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"
#include "cpu/pause.hpp"

namespace crossover::cpu {

namespace {

/// Persistent workers. A dispatch is one store by the caller, which all workers see at once, and
/// one store by each worker, which the caller collects: each word on a pair of cache lines of its
/// own. Workers spin between operations, because waking a sleeping thread takes 30 us and more; a
/// pool that is not used for a while (or has more workers than the machine) lets them sleep.
class Pool {
 public:
  Pool(int workers, const Placement& placement)
      : binding_(placement),
        spins_(placement.oversubscribed ? 0 : kSpins),
        done_(static_cast<std::size_t>(workers)) {
    threads_.reserve(done_.size());
    for (int worker = 1; worker < workers; ++worker) {
      try {
        threads_.emplace_back([this, worker, placement] { serve(worker, placement); });
      } catch (const std::system_error& error) {
        stop();
        no_thread(worker, error);
      }
    }
    // Until every worker is on its CPU.
    run([](int) {});
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() { stop(); }

  template <class Body>
  void run(Body&& body) {
    const std::uint32_t epoch = order_.epoch.load(std::memory_order_relaxed) + 1;
    order_.body = &body;
    order_.call = [](void* context, int worker) {
      (*static_cast<std::remove_reference_t<Body>*>(context))(worker);
    };
    publish(epoch);
    body(0);
    for (std::size_t worker = 1; worker < done_.size(); ++worker) {
      wait_until(done_[worker].epoch, epoch);
    }
  }

 private:
  // About a millisecond: longer than any pause between two operations of a sample, and far shorter
  // than the setting up of the next configuration.
  static constexpr int kSpins = 1 << 15;

  struct alignas(kLinePair) Order {
    std::atomic<std::uint32_t> epoch{0};
    bool last = false;
    void* body = nullptr;
    void (*call)(void*, int) = nullptr;
  };
  struct alignas(kLinePair) Done {
    std::atomic<std::uint32_t> epoch{0};
  };
  struct alignas(kLinePair) Sleepers {
    std::atomic<int> count{0};
  };

  void publish(std::uint32_t epoch) {
    order_.epoch.store(epoch, std::memory_order_seq_cst);
    // A worker counts itself before it looks at the epoch for the last time, and this looks at the
    // count after setting the epoch: one of the two sees the other.
    if (sleepers_.count.load(std::memory_order_seq_cst) > 0) order_.epoch.notify_all();
  }

  void wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t epoch) {
    for (int spin = 0; word.load(std::memory_order_acquire) != epoch; ++spin) {
      if (spins_ == 0) {
        std::this_thread::yield();
      } else {
        pause();
      }
    }
  }

  void serve(int worker, const Placement& placement) {
    bind_worker(placement, worker);
    Done& done = done_[static_cast<std::size_t>(worker)];
    for (std::uint32_t seen = 0;;) {
      await_order(seen);
      ++seen;
      if (order_.last) return;
      order_.call(order_.body, worker);
      done.epoch.store(seen, std::memory_order_release);
    }
  }

  /// Returns when the epoch is no longer `seen`.
  void await_order(std::uint32_t seen) {
    for (int spin = 0; spin < spins_; ++spin) {
      if (order_.epoch.load(std::memory_order_acquire) != seen) return;
      pause();
    }
    sleepers_.count.fetch_add(1, std::memory_order_seq_cst);
    while (order_.epoch.load(std::memory_order_seq_cst) == seen) {
      order_.epoch.wait(seen, std::memory_order_seq_cst);
    }
    sleepers_.count.fetch_sub(1, std::memory_order_relaxed);
  }

  void stop() {
    order_.last = true;
    publish(order_.epoch.load(std::memory_order_relaxed) + 1);
    for (std::thread& thread : threads_) thread.join();
  }

  CallerBinding binding_;
  int spins_;
  Order order_;
  Sleepers sleepers_;
  std::vector<Done> done_;
  std::vector<std::thread> threads_;
};

/// Threads created for every operation and joined at its end; the caller is worker 0.
class Spawn {
 public:
  Spawn(int workers, const Placement& placement)
      : binding_(placement), placement_(placement), workers_(workers) {
    threads_.reserve(static_cast<std::size_t>(workers));
  }

  template <class Body>
  void run(Body&& body) {
    for (int worker = 1; worker < workers_; ++worker) {
      try {
        threads_.emplace_back([this, &body, worker] {
          bind_worker(placement_, worker);
          body(worker);
        });
      } catch (const std::system_error& error) {
        join();
        no_thread(worker, error);
      }
    }
    body(0);
    join();
  }

 private:
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  CallerBinding binding_;
  Placement placement_;
  int workers_;
  std::vector<std::thread> threads_;
};

/// What the workload `create` means by a thread: every worker is one, which is born anywhere on the
/// team's CPUs and joined; the caller only waits.
class Born {
 public:
  using Idle = IdleThreads;

  Born(int workers, const Placement& placement) : allowed_(placement.allowed), workers_(workers) {
    bind_this_thread(placement.cpus.empty() ? placement.allowed : placement.cpus);
    threads_.reserve(static_cast<std::size_t>(workers));
  }
  Born(const Born&) = delete;
  Born& operator=(const Born&) = delete;
  ~Born() { unbind(allowed_); }

  template <class Body>
  void run(Body&& body) {
    for (int worker = 0; worker < workers_; ++worker) {
      try {
        threads_.emplace_back([&body, worker] { body(worker); });
      } catch (const std::system_error& error) {
        join();
        no_thread(worker, error);
      }
    }
    join();
  }

 private:
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  std::vector<int> allowed_;
  int workers_;
  std::vector<std::thread> threads_;
};

/// `pool`: persistent std::threads that spin while measured. `spawn`: threads created and joined
/// for every operation, the textbook form with its honest price.
class Threads final : public ThreadedModel {
 public:
  Threads()
      : ThreadedModel({array_offers<Spawn>({"spawn", Variant::Role::step}),
                       array_offers<Pool>({"pool"}),
                       count_offers<Pool>(),
                       {create_offer<Born>({"spawn"}), create_offer<Pool>(sleeping_pool())},
                       thread_switch_offers(),
                       wait_offers<Pool>()}) {}
  std::string_view name() const override { return "threads"; }
  std::vector<Column> columns() const override {
    std::vector<Column> all{kWorkerBytesColumn};
    all.insert(all.end(), kSwitchColumns.begin(), kSwitchColumns.end());
    all.insert(all.end(), kMixedColumns.begin(), kMixedColumns.end());
    return all;
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"waiting",
             "pool: workers spin for about 1 ms, then sleep on a futex; more workers than "
             "hardware threads sleep at once"},
            {"blocking", "clock_nanosleep to an absolute time, with a timer slack of 1 ns"}};
  }

 private:
  static Variant sleeping_pool() {
    Variant pool{"pool"};
    pool.within_threads = true;  // what a sleeping pool of thousands takes nobody needs to know
    return pool;
  }
};

}  // namespace

std::unique_ptr<Model> make_threads() { return std::make_unique<Threads>(); }

}  // namespace crossover::cpu
