// Faults of worker processes, planted: verification or the caller must notice each of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/topology.hpp"
#include "cpu/faults_testing.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/file.hpp"
#include "cpu/process/operations.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {
namespace {

const pid_t kCaller = getpid();

/// Ends in the middle of its second piece of work.
template <int Signal>
class Dies : public Loops {
 public:
  using Loops::Loops;
  void map(void* const* arrays, std::uint64_t count) const {
    Loops::map(arrays, count);
    maybe();
  }
  Total sum(void* const* arrays, std::uint64_t count) const {
    maybe();
    return Loops::sum(arrays, count);
  }

 private:
  void maybe() const {
    if (getpid() == kCaller || ++calls_ < 2) return;
    if (Signal == 0) _exit(7);
    raise(Signal);
  }
  mutable int calls_ = 0;
};

/// Every workload on arrays, of a family its first.
std::vector<const Workload*> array_workloads() {
  std::vector<const Workload*> all;
  std::string family;
  for (const Workload& workload : workloads()) {
    if (!workload.on_arrays()) continue;
    if (workload.family.empty() || workload.family != family) all.push_back(&workload);
    family = workload.family;
  }
  return all;
}

Configuration configuration(const Workload& workload, ElementType type, std::uint64_t elements) {
  return {&workload, type, "planted", "fault", Scope::resident, elements, 2, Devices::cpus()};
}

/// `body(how, operation)` for every persistent way to share.
template <class Work, class Body>
void for_each_way(const Configuration& what, Body&& body) {
  const Placement placement = detect_topology().place(2, Pin::cores);
  const auto loops = [&] { return spoilt<Work>(*what.workload, what.type); };
  {
    ArrayOperation<ProcessPool, SharedMemory> operation(what, placement, loops());
    body(what.name() + " shm", operation);
  }
  {
    ArrayOperation<ProcessPool, MappedFile> operation(what, placement, loops());
    body(what.name() + " mapped-file", operation);
  }
  {
    FileOperation operation(what, placement, loops());
    body(what.name() + " file", operation);
  }
  for (const auto& [kind, name] : {std::pair{ChannelKind::pipe, " pipe"},
                                   {ChannelKind::socket, " socket"},
                                   {ChannelKind::queue, " queue"}}) {
    ChannelOperation operation(what, placement, kind, loops());
    body(what.name() + name, operation);
  }
}

/// Whether two inputs' results are right.
bool verifies(Operation& operation) {
  bool correct = true;
  for (const std::uint32_t salt : {1U, 2U}) {
    operation.renew(salt);
    operation.time(3);  // odd: a sign flipped twice is right again
    correct = operation.verify().correct && correct;
  }
  return correct;
}

TEST(ProcessFaults, AreWrongInEveryWorkload) {
  FaultyLoops::spared = kCaller;
  for (const Workload* workload : array_workloads()) {
    std::vector<ElementType> types{workload->types.front()};
    std::vector<std::uint64_t> sizes{40'001};  // several chunks, of which the last is a part
#ifndef CROSSOVER_SANITIZED                    // a sanitizer sees the same code
    types.push_back(workload->types.back());
    sizes.push_back(1000);  // one
#endif
    for (const ElementType type : types) {
      for (const std::uint64_t elements : sizes) {
        const Configuration what = configuration(*workload, type, elements);
        FaultyLoops::fault = Fault::none;
        for_each_way<FaultyLoops>(what, [](const std::string& how, Operation& operation) {
          EXPECT_TRUE(verifies(operation)) << how << ": the check itself is broken";
        });
        for (const Fault fault : faults_of(*workload)) {
          FaultyLoops::fault = fault;
          for_each_way<FaultyLoops>(what, [&](const std::string& how, Operation& operation) {
            EXPECT_FALSE(verifies(operation)) << how << " with fault " << static_cast<int>(fault);
          });
        }
      }
    }
  }
}

/// Does nothing where the written array has come along, which is all ones before the first result.
class ExpectsNothingInY : public Loops {
 public:
  using Loops::Loops;
  void map(void* const* arrays, std::uint64_t count) const {
    if (*static_cast<const unsigned char*>(arrays[0]) != 0xff) Loops::map(arrays, count);
  }
};

TEST(ChannelOperation, SendsOnlyWhatIsRead) {
  for (const Workload* workload : array_workloads()) {
    if (workload->pattern != "map") continue;
    ChannelOperation operation(configuration(*workload, ElementType::f32, 70'001),
                               detect_topology().place(2, Pin::cores), ChannelKind::socket,
                               spoilt<ExpectsNothingInY>(*workload, ElementType::f32));
    operation.renew(1);
    operation.time(1);
    EXPECT_TRUE(operation.verify().correct) << workload->name;
  }
}

TEST(Cargo, TakesTurns) {
  std::array<std::byte, 10> a{};
  std::array<std::byte, 10> b{};
  for (std::size_t i = 0; i < 10; ++i) {
    a[i] = static_cast<std::byte>(i);
    b[i] = static_cast<std::byte>(10 + i);
  }
  const std::array<void*, 2> both{a.data(), b.data()};
  for (const std::size_t most : {1, 3, 4, 100}) {
    std::vector<int> seen;
    for (Cargo cargo(both, 10, 4); !cargo.empty();) {
      const auto next = cargo.next().first(std::min(most, cargo.next().size()));
      for (const std::byte one : next) seen.push_back(static_cast<int>(one));
      cargo.sent(next.size());
    }
    EXPECT_THAT(seen, testing::ElementsAre(0, 1, 2, 3, 10, 11, 12, 13, 4, 5, 6, 7, 14, 15, 16, 17,
                                           8, 9, 18, 19));
  }
}

template <class Work>
void expect_end(const std::string& reason) {
  for (const Workload* workload : array_workloads()) {
    for_each_way<Work>(configuration(*workload, workload->types.front(), 1000),
                       [&](const std::string& how, Operation& operation) {
                         operation.renew(1);
                         try {
                           operation.time(5);
                           ADD_FAILURE() << how << ": nobody noticed";
                         } catch (const std::runtime_error& error) {
                           EXPECT_THAT(error.what(), testing::HasSubstr(reason)) << how;
                         }
                       });
  }
}

TEST(ProcessEnds, AKilledWorkerIsNamed) { expect_end<Dies<SIGKILL>>("killed by signal 9"); }
TEST(ProcessEnds, AWorkerThatEndsIsNamed) { expect_end<Dies<0>>("ended with status 7"); }

TEST(ProcessEnds, AWorkerThatDiesInItsOnlyOperationIsNamed) {
  struct DiesAtOnce : Loops {
    using Loops::Loops;
    Total sum(void* const* arrays, std::uint64_t count) const {
      if (getpid() != kCaller) _exit(7);
      return Loops::sum(arrays, count);
    }
  };
  const Workload& reduce = *find_workload("reduce");
  ArrayOperation<ProcessSpawn, SharedMemory> operation(
      configuration(reduce, ElementType::f32, 1000), detect_topology().place(2, Pin::cores),
      spoilt<DiesAtOnce>(reduce, ElementType::f32));
  operation.renew(1);
  EXPECT_THROW(operation.time(1), std::runtime_error);
}

// The processes' protocol, spoken by threads: ThreadSanitizer sees only one process.
TEST(Dispatch, OrdersWorkAndResults) {
  constexpr int kWorkers = 3;
  for (const int spins : {0, 100, 1 << 15}) {
    std::vector<Dispatch<SharedFutex>::Line> lines(Dispatch<SharedFutex>::lines(kWorkers));
    Dispatch<SharedFutex> dispatch(lines, spins);
    std::uint32_t values[kWorkers] = {};  // guarded by nothing but the protocol
    std::vector<std::thread> threads;
    for (int worker = 1; worker < kWorkers; ++worker) {
      threads.emplace_back([&, worker] { dispatch.serve(worker); });
    }
    std::uint32_t expected = 0;
    for (std::uint32_t i = 1; i <= 300; ++i) {
      dispatch.run([&values, i](int worker) { values[worker] += i; }, [](std::size_t) {});
      expected += i;
      for (const std::uint32_t value : values) ASSERT_EQ(value, expected);
      if (i % 100 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));  // they sleep
    }
    dispatch.end();
    for (std::thread& thread : threads) thread.join();
  }
}

}  // namespace
}  // namespace crossover::cpu
