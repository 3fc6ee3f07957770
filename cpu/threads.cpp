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
#include "cpu/costs/tail.hpp"
#include "cpu/costs/wait/mixed.hpp"
#include "cpu/costs/wait/server.hpp"
#include "cpu/costs/wait/wait.hpp"
#include "cpu/dispatch.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

/// How a process's own threads sleep.
struct PrivateFutex {
  static void wait(std::atomic<std::uint32_t>& word, std::uint32_t value) {
    word.wait(value, std::memory_order_seq_cst);
  }
  static void wake_all(std::atomic<std::uint32_t>& word) { word.notify_all(); }
};

/// Persistent workers.
class Pool {
 public:
  /// New threads inherit their creator's CPUs. Were it bound to its own already, each would be born
  /// behind it, where it spins until they have all come: 2.5 ms for a pool of two.
  Pool(int workers, const Placement& placement)
      : binding_(placement, CallerBinding::To::all),
        lines_(Order::lines(workers)),
        order_(lines_, placement.oversubscribed ? 0 : Order::kSpins) {
    threads_.reserve(static_cast<std::size_t>(workers));
    start_threads(
        threads_, 1, workers,
        [this, placement](int worker) {
          bind_worker(placement, worker);
          order_.serve(worker);
        },
        [this] { order_.end(); });
    bind_worker(placement, 0);
    // Until every worker is on its CPU.
    run([](int) {});
  }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    order_.end();
    join_threads(threads_);
  }

  template <class Body>
  void run(const Body& body) {
    order_.run(body, [](std::size_t) {});
  }

 private:
  using Order = Dispatch<PrivateFutex>;

  CallerBinding binding_;
  std::vector<Order::Line> lines_;
  Order order_;
  std::vector<std::thread> threads_;
};

/// Threads created for every operation and joined at its end: workers `kFirst` and up. With 1, the
/// caller is worker 0 and each thread is bound as a worker; with 0 it only waits, and the threads
/// are born anywhere on the team's CPUs.
template <int kFirst>
class Spawn {
 public:
  Spawn(int workers, const Placement& placement)
      : binding_(placement, kFirst == 0 ? CallerBinding::To::all : CallerBinding::To::worker_0),
        placement_(placement),
        workers_(workers) {
    threads_.reserve(static_cast<std::size_t>(workers));
  }

  template <class Body>
  void run(Body&& body) {
    start_threads(
        threads_, kFirst, workers_,
        [&](int worker) {
          if constexpr (kFirst > 0) bind_worker(placement_, worker);
          body(worker);
        },
        [] {});
    if constexpr (kFirst > 0) body(0);
    join_threads(threads_);
  }

 private:
  CallerBinding binding_;
  Placement placement_;
  int workers_;
  std::vector<std::thread> threads_;
};

/// The pool with a core's hardware threads filled before the next core: what one more of them is
/// worth beside one more core.
std::vector<Offer> sibling_offers() {
  std::vector<Offer> offers = array_offers<Pool>(
      {.name = "pool-siblings", .role = Variant::Role::step, .within_threads = true});
  for (Offer& offer : offers) {
    offer.make = [make = offer.make](const Configuration& configuration,
                                     const Placement& placement) {
      static const Topology topology = detect_topology();
      if (static_cast<int>(topology.threads.size()) == topology.physical_cores) {
        throw Unavailable("no core here has a second hardware thread: SMT is not there, or off");
      }
      Placement filled = placement;
      filled.cpus = topology.place(configuration.workers, Pin::threads).cpus;
      filled.store = nullptr;  // what the pool has placed lies elsewhere
      return make(configuration, filled);
    };
  }
  return offers;
}

/// Without any CPU where the system does not tell them, of which the run itself will complain.
Topology topology_or_none() {
  try {
    return detect_topology();
  } catch (const std::runtime_error&) {
    return {};
  }
}

/// What the workload `create` means by a thread: every worker is one.
struct Born : Spawn<0> {
  using Idle = IdleThreads;
  using Spawn::Spawn;
};

/// `pool`: persistent std::threads that spin while measured; `pool-siblings`: on as few cores as
/// have hardware threads for all. `spawn`: threads created and joined
/// for every operation, the textbook form with its honest price.
class Threads final : public ThreadedModel {
 public:
  Threads()
      : ThreadedModel({array_offers<Spawn<1>>({"spawn", Variant::Role::step}),
                       form_choosing_offers<Pool>({"pool"}, team_forms),
                       sibling_offers(),
                       count_offers<Pool>(),
                       {cost_offer<CreateOperation<Born>>(costs::create(), {"spawn"}),
                        // What a sleeping pool of thousands takes nobody needs to know.
                        cost_offer<CreateOperation<Pool>>(
                            costs::create(), {.name = "pool", .within_threads = true})},
                       thread_switch_offers(),
                       core_to_core_offers(topology_or_none()),
                       wait_offers<Pool>(),
                       server_offers<Pool>()}) {}
  std::string_view name() const override { return "threads"; }
  std::vector<Column> columns() const override {
    std::vector<Column> all{kMemoryColumns.begin(), kMemoryColumns.end() - 1};
    all.insert(all.end(), kSwitchColumns.begin(), kSwitchColumns.end());
    all.insert(all.end(), kMixedColumns.begin(), kMixedColumns.end());
    all.insert(all.end(), kTailColumns.begin(), kTailColumns.end());
    return all;
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"waiting",
             "pool: workers spin for about 1 ms, then sleep on a futex; more workers than "
             "hardware threads sleep at once"},
            {"blocking", "clock_nanosleep to an absolute time, with a timer slack of 1 ns"}};
  }
};

}  // namespace

std::unique_ptr<Model> make_threads() { return std::make_unique<Threads>(); }

}  // namespace crossover::cpu
