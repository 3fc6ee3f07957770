// Faults of worker processes, planted: verification or the caller must notice each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include "common/topology.hpp"
#include "cpu/process/dispatch.hpp"
#include "cpu/process/operations.hpp"

namespace crossover::cpu {
namespace {

bool in_worker() {
  static const pid_t caller = getpid();
  return getpid() != caller;
}
const bool kCallerKnown = !in_worker();

struct SkipsTail {
  template <class T>
  static std::span<T> shortened(std::span<T> part) {
    return in_worker() && !part.empty() ? part.first(part.size() - 1) : part;
  }
  template <class T>
  static void double_in_place(std::span<T> part) {
    loops::double_in_place(shortened(part));
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> part) {
    return loops::sum(shortened(part));
  }
};

/// Works once, and then hands out what it had.
struct Stale {
  template <class T>
  static void double_in_place(std::span<T> part) {
    static int calls = 0;
    if (!in_worker() || calls++ == 0) loops::double_in_place(part);
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> part) {
    static int calls = 0;
    static SumOf<T> kept{};
    if (!in_worker()) return loops::sum(part);
    if (calls++ == 0) kept = loops::sum(part);
    return kept;
  }
};

/// Ends in the middle of its second piece of work, or the first of an operation's own process.
template <int Signal>
struct Dies {
  static void maybe() {
    static int calls = 0;
    if (!in_worker() || ++calls < 2) return;
    if (Signal == 0) _exit(7);
    raise(Signal);
  }
  template <class T>
  static void double_in_place(std::span<T> part) {
    loops::double_in_place(part);
    maybe();
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> part) {
    maybe();
    return loops::sum(part);
  }
};

template <class Loops>
using Body = std::function<void(const std::string& how, std::unique_ptr<Operation>)>;

/// `body(how, operation)` for every persistent way to share, both workloads and all types.
template <class Loops>
void for_each_operation(std::uint64_t elements, const Body<Loops>& body) {
  ASSERT_TRUE(kCallerKnown);
  const Placement placement = detect_topology().place(2, Pin::cores);
  for (const char* workload : {"double", "reduce"}) {
    for (const ElementType type : kElementTypes) {
      with_type(type, [&]<class T>(std::type_identity<T>) {
        const Configuration what{find_workload(workload), type,     "planted", "fault",
                                 Scope::resident,         elements, 2,         "cpu"};
        body(what.name() + " shm", std::make_unique<SharedOperation<T, Loops>>(
                                       what, placement, SharedMemory::Backing::memory, make_pool));
        body(what.name() + " mapped-file",
             std::make_unique<SharedOperation<T, Loops>>(what, placement,
                                                         SharedMemory::Backing::file, make_pool));
        for (const auto& [kind, name] : {std::pair{ChannelKind::pipe, " pipe"},
                                         {ChannelKind::socket, " socket"},
                                         {ChannelKind::queue, " queue"}}) {
          body(what.name() + name,
               std::make_unique<ChannelOperation<T, Loops>>(what, placement, kind));
        }
      });
    }
  }
}

template <class Loops>
void expect_wrong() {
  for (const std::uint64_t elements : {1000, 70'001}) {
    for_each_operation<Loops>(elements, [](const std::string& how, auto operation) {
      bool correct = true;
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        operation->time(2);
        correct = correct && operation->verify().correct;
      }
      EXPECT_FALSE(correct) << how;
    });
  }
}

TEST(ProcessFaults, ASkippedTailIsWrong) { expect_wrong<SkipsTail>(); }
TEST(ProcessFaults, AStaleResultIsWrong) { expect_wrong<Stale>(); }

template <class Loops>
void expect_end(const std::string& reason) {
  for_each_operation<Loops>(1000, [&](const std::string& how, auto operation) {
    operation->renew(1);
    try {
      operation->time(5);
      ADD_FAILURE() << how << ": nobody noticed";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(reason)) << how;
    }
  });
}

TEST(ProcessFaults, AKilledWorkerIsNamed) { expect_end<Dies<SIGKILL>>("killed by signal 9"); }
TEST(ProcessFaults, AWorkerThatEndsIsNamed) { expect_end<Dies<0>>("ended with status 7"); }

TEST(ProcessFaults, AWorkerThatDiesInItsOnlyOperationIsNamed) {
  struct DiesAtOnce : Dies<0> {
    static SumOf<float> sum(std::span<const float> part) {
      if (in_worker()) _exit(7);
      return loops::sum(part);
    }
  };
  const Configuration what{find_workload("reduce"),
                           ElementType::f32,
                           "planted",
                           "fault",
                           Scope::resident,
                           1000,
                           2,
                           "cpu"};
  SharedOperation<float, DiesAtOnce> operation(what, detect_topology().place(2, Pin::cores),
                                               SharedMemory::Backing::memory, make_spawn);
  operation.renew(1);
  EXPECT_THROW(operation.time(1), std::runtime_error);
}

// The processes' protocol, spoken by threads: ThreadSanitizer sees only one process.
TEST(Dispatch, OrdersWorkAndResults) {
  constexpr int kWorkers = 3;
  for (const int spins : {0, 100, 1 << 15}) {
    std::vector<std::byte> room(Dispatch::bytes(kWorkers) + kLinePair);
    void* memory = room.data();
    std::size_t size = room.size();
    std::align(kLinePair, Dispatch::bytes(kWorkers), memory, size);
    Dispatch dispatch(memory, kWorkers, spins);
    std::uint32_t values[kWorkers] = {};  // guarded by nothing but the protocol
    std::vector<std::thread> threads;
    for (int worker = 1; worker < kWorkers; ++worker) {
      threads.emplace_back([&, worker] {
        dispatch.serve(worker, [&](Order order) {
          values[worker] += order.salt;
          return order.salt != 0;
        });
      });
    }
    std::uint32_t expected = 0;
    for (std::uint32_t i = 1; i <= 300; ++i) {
      dispatch.run(
          {Order::Task::work, i}, [&] { values[0] += i; }, [](std::size_t) {});
      expected += i;
      for (const std::uint32_t value : values) ASSERT_EQ(value, expected);
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // they sleep
    }
    // The last order ends the workers, who do not report it.
    struct Enough {};
    try {
      dispatch.run(
          {Order::Task::work, 0}, [] {}, [](std::size_t) { throw Enough(); });
    } catch (const Enough&) {
    }
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace crossover::cpu
