#include "cpu/costs/create/create.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <thread>
#include <vector>

#include "common/fake_root.hpp"
#include "cpu/costs/cost_testing.hpp"
#include "cpu/process/child.hpp"

namespace crossover::cpu {
namespace {

using testing::HasSubstr;

TEST(Create, HasEveryWorkerComeOnce) {
  for_each_variant("create", tested_counts(20), [](Model& model, Configuration what) {
    for (const std::uint64_t rounds : {0, 2}) {
      what.elements = rounds * static_cast<std::uint64_t>(what.workers);
      expect_correct(model, what);
    }
    expect_correct(model, what, Pin::none);
    what.elements = 1;
    if (what.workers > 1) {
      EXPECT_THROW(expect_correct(model, what), Unavailable);
    }
  });
}

TEST(Create, NoticesAWorkerThatDidNotCome) {
  const Configuration what = configuration("create", "fault", 4, 4);
  EXPECT_TRUE(passes<CreateOperation<InTurn>>(what));
  EXPECT_FALSE(passes<CreateOperation<LostWorker>>(what));
  EXPECT_FALSE(passes<CreateOperation<TwiceTheFirst>>(what));
}

TEST(Create, TellsWhatAnIdleWorkerTakes) {
  if (!memory_use()) GTEST_SKIP() << "the kernel does not tell it";
  for_each_variant("create", {1, 100}, [](Model& model, Configuration what) {
    what.elements = static_cast<std::uint64_t>(what.workers);
    const auto operation = model.prepare(what, detect_topology().place(what.workers, Pin::cores));
    const auto seen = values(operation->observe());
    if (what.workers == 1) return;  // where the caller is the only worker, none was made
    ASSERT_TRUE(seen.contains("worker_bytes"));
    // A stack's first page at least; a sanitizer's workers take much more than others.
    EXPECT_GE(seen.at("worker_bytes"), 4096);
    EXPECT_LT(seen.at("worker_bytes"), 0x1p26);
    // A thread's are what its process grew by, and that may get pages back from another's end.
    if (what.model == "processes") {
      EXPECT_GE(seen.at("worker_resident_bytes"), seen.at("worker_bytes"));
      EXPECT_GE(seen.at("worker_reserved_bytes"), seen.at("worker_resident_bytes"));
    }
    // A thread's stack, of which it touches little.
    if (what.variant == "spawn") {
      pthread_attr_t usual;
      std::size_t stack = 0;
      ASSERT_EQ(pthread_attr_init(&usual), 0);
      ASSERT_EQ(pthread_attr_getstacksize(&usual, &stack), 0);
      pthread_attr_destroy(&usual);
      EXPECT_GE(seen.at("worker_reserved_bytes"), 0.5 * static_cast<double>(stack));
    }
  });
}

/// Pages that children which have ended were given when they touched them.
long faults_of_children() {
  rusage usage{};
  getrusage(RUSAGE_CHILDREN, &usage);
  return usage.ru_minflt;
}

TEST(Create, CopiesWhatAChildWritesTo) {
  if (!memory_use()) GTEST_SKIP() << "the kernel does not tell it";
  const auto model = make_processes();
  std::map<std::string, std::map<std::string, double>> seen;
  for (const char* const variant : {"fork", "fork-write"}) {
    const Configuration what = configuration("create", variant, 2, 2);
    const auto operation = model->prepare(what, detect_topology().place(2, Pin::cores));
    operation->renew(1);
    const long before = faults_of_children();
    operation->time(2);
    seen[variant] = values(operation->observe());
    seen[variant]["faults"] = static_cast<double>(faults_of_children() - before);
    EXPECT_TRUE(operation->verify().correct);
  }
  EXPECT_FALSE(seen["fork"].contains("worker_copied_bytes"));
  const double copied = seen["fork-write"].at("worker_copied_bytes");
  EXPECT_EQ(copied, 0x1p22);
  // Of pages of 64 KiB at most, by four children.
  EXPECT_GE(seen["fork-write"]["faults"], seen["fork"]["faults"] + 4 * copied / 65536);
  EXPECT_GE(seen["fork-write"].at("worker_bytes"), seen["fork"].at("worker_bytes") + copied / 2);
}

TEST(Create, TellsOfACudaContextWhereProcessesAreMade) {
  for_each_variant("create", {2}, [](Model& model, Configuration what) {
    what.elements = 2;
    const auto operation = model.prepare(what, detect_topology().place(2, Pin::cores));
    const auto seen = values(operation->observe());
    const bool makes = what.variant.starts_with("fork") || what.variant == "posix-spawn";
    ASSERT_EQ(seen.contains("cuda_context"), makes);
    if (makes) {
      EXPECT_EQ(seen.at("cuda_context"), 0);
    }
  });
  const auto told = [](std::string_view mapped) {
    const FakeRoot fake;
    fake.write("proc/self/maps", mapped);
    Observation seen;
    add_cuda_context(seen, fake.root());
    return values(seen);
  };
  EXPECT_EQ(told("200000000-200200000 rw-s 00000000 00:06 451  /dev/nvidia0\n").at("cuda_context"),
            1);
  EXPECT_EQ(told("200000000-200200000 rw-p 00000000 00:00 0 \n").at("cuda_context"), 0);
  Observation seen;
  add_cuda_context(seen, FakeRoot().root());
  EXPECT_TRUE(seen.values.empty()) << "the system does not tell";
}

TEST(Create, EndsItsThreads) {
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  std::thread([] {}).join();  // ThreadSanitizer starts one of its own with the first
  const auto before = threads();
  const auto model = make_threads();
  const Configuration what = configuration("create", "spawn", 300, 300);
  const auto operation = model->prepare(what, detect_topology().place(300, Pin::cores));
  operation->renew(1);
  operation->time(2);
  EXPECT_TRUE(operation->verify().correct);
  // A thread that has been joined may be listed a little longer.
  for (int i = 0; i < 1000 && threads() > before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_LE(threads(), before);
}

TEST(Create, RefusesMoreThanTheSystemHasRoomFor) {
  const auto room = room_for_tasks(TaskKind::thread);
  if (!room) GTEST_SKIP() << "no limit is known";
  const auto model = make_threads();
  const int workers = static_cast<int>(room->tasks + 10'000);
  const Configuration what =
      configuration("create", "spawn", static_cast<std::uint64_t>(workers), workers);
  try {
    model->prepare(what, kHere);
    FAIL() << workers << " threads fitted";
  } catch (const Unavailable& reason) {
    EXPECT_THAT(reason.what(), HasSubstr("threads are more than the"));
  }
}

}  // namespace
}  // namespace crossover::cpu
