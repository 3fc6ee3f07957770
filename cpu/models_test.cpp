#include "cpu/models.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/forms.hpp"
#include "common/topology.hpp"
#include "common/workloads/testing.hpp"
#include "cpu/operations.hpp"

namespace crossover {
namespace {

/// ThreadSanitizer sees races between threads of one process alone.
#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool kThreadSanitizer = false;
#endif

/// `body(model, configuration without size)` for every model, variant, workload on an array, type
/// and a few worker counts, more than the machine has among them.
template <class Body>
void for_each_configuration(Body&& body) {
  Sweeps sweeps;
  sweeps.threads = {1, 2, 3};
  for (const auto& model : cpu::make_models()) {
    if (kThreadSanitizer && (model->name() == "serial" || model->name() == "processes")) continue;
    ASSERT_EQ(model->unavailable(), "");
    for (const Workload& workload : workloads()) {
      if (!workload.on_arrays()) continue;  // the others have tests of their own
      if (workload.parameter > 1 && workload.parameter != 64) continue;  // of a family, two
      for (const ElementType type : tested_types(workload)) {
        for (const Variant& variant : model->variants(workload, type)) {
          if (variant.name == "pool-siblings") continue;  // chooses its CPUs; has a test of its own
          for (const auto& [device, counts] : model->workers(sweeps)) {
            for (const int workers : counts) {
              Configuration what{
                  &workload, type,  std::string(model->name()), variant.name, Scope::resident, 0,
                  workers,   device};
              body(*model, what);
            }
          }
        }
      }
    }
  }
}

TEST(CpuModels, AreRightAtEverySizeForEveryType) {
  const Topology topology = detect_topology();
  for_each_configuration([&](Model& model, Configuration what) {
    const auto workers = static_cast<std::uint64_t>(what.workers);
    const Placement placement = topology.place(what.workers, Pin::cores);
    std::vector<std::uint64_t> sizes{70001};
    // Who has nothing or little to do has it of any type.
    if (what.type == ElementType::f32) sizes.insert(sizes.end(), {0, 1, workers + 1, 127});
    for (const std::uint64_t n : sizes) {
      what.elements = n;
      const auto operation = model.prepare(what, placement);
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        EXPECT_GE(operation->time(3).count(), 0);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
      }
    }
  });
}

TEST(CpuModels, AreRightInBlocksAndAddThemInTheSameOrder) {
  const Topology topology = detect_topology();
  for_each_configuration([&](Model& model, Configuration what) {
    if (what.workers == 1 || what.workload->parameter > 1) return;
    if (what.type != ElementType::f32 && what.type != ElementType::i64) return;
    const std::string form = cpu::team_forms(*what.workload, what.type).back();
    ASSERT_TRUE(form.ends_with("-blocks"));
    ChosenForms forms;
    forms.add({what.workload, what.type, true, ~std::uint64_t{0}, form});
    Placement placement = topology.place(what.workers, Pin::cores);
    placement.forms = &forms;
    what.elements = 300'007;  // some blocks, the last of each part not full
    const auto operation = model.prepare(what, placement);
    std::optional<double> error;
    for (const std::int64_t operations : {1, 4}) {
      operation->renew(1);
      operation->time(operations);
      const Verdict verdict = operation->verify();
      EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
      if (what.workload->is_sum) {
        EXPECT_EQ(error.value_or(verdict.error), verdict.error) << what.name();
        error = verdict.error;
      }
    }
  });
}

TEST(CpuModels, GoOnInTheFormThatTheyAreAskedFor) {
  const Topology topology = detect_topology();
  int forms = 0;
  for_each_configuration([&](Model& model, Configuration what) {
    const Offer& offer = model.offer(what);
    if (offer.forms == nullptr || what.workers == 3) return;
    what.elements = 150'001;
    const auto operation = model.prepare(what, topology.place(what.workers, Pin::cores));
    for (const std::string& form : offer.forms(*what.workload, what.type)) {
      ++forms;
      operation->renew(1);
      operation->take_form(form);
      operation->time(1);
      const Verdict verdict = operation->verify();
      EXPECT_TRUE(verdict.correct) << what.name() << " " << form << ": " << verdict.note;
    }
    EXPECT_THROW(operation->take_form("v3"), std::invalid_argument);
  });
  EXPECT_GT(forms, 0);
}

TEST(EachBlock, GivesEveryBlockToOneWorkerItsOwnFirst) {
  std::array<cpu::WorkerPart, 3> parts;
  const std::array<std::uint64_t, 3> sizes{10, 0, 7};
  for (std::size_t i = 0; i < 3; ++i) parts[i].slice = {0, sizes[i]};
  std::vector<std::string> taken;
  const auto take = [&](int worker) {
    cpu::each_block(parts.data(), 3, worker, 4,
                    [&](const cpu::WorkerPart& part, std::uint64_t number, std::uint64_t elements) {
                      taken.push_back(std::to_string(&part - parts.data()) + ":" +
                                      std::to_string(number) + "+" + std::to_string(elements));
                    });
  };
  take(2);
  EXPECT_EQ(taken, (std::vector<std::string>{"2:0+4", "2:1+3", "0:0+4", "0:1+4", "0:2+2"}));
  take(0);
  EXPECT_EQ(taken.size(), 5U) << "nothing is left";
}

TEST(CpuModels, AreRightWithColdCaches) {
  const Topology topology = detect_topology();
  for_each_configuration([&](Model& model, Configuration what) {
    if (what.workers != 2) return;
    what.elements = 5003;
    what.cache = Cache::cold;
    const auto operation = model.prepare(what, topology.place(what.workers, Pin::cores));
    operation->renew(1);
    EXPECT_GT(operation->time(3).count(), 0);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
  });
}

TEST(CpuModels, AreSlowerWithColdCaches) {
  // A thousand lines come from memory. Instrumented loops take long enough to hide some of that.
  const auto model = cpu::make_serial();
  const Topology topology = detect_topology();
  Configuration what{find_workload("reduce"), ElementType::f32,       "serial", "loop",
                     Scope::resident,         std::uint64_t{1} << 14, 1,        Devices::cpus()};
  const auto least = [&](Cache cache) {
    what.cache = cache;
    const auto operation = model->prepare(what, topology.place(1, Pin::cores));
    operation->renew(1);
    Nanoseconds shortest = operation->time(1);
    for (int i = 0; i < 50; ++i) shortest = std::min(shortest, operation->time(1));
    return shortest;
  };
  const Nanoseconds warm = least(Cache::warm);
  EXPECT_GT(least(Cache::cold), 1.2 * warm);
}

TEST(CpuModels, AreRightUnpinned) {
  const Topology topology = detect_topology();
  for_each_configuration([&](Model& model, Configuration what) {
    what.elements = 5003;
    const auto operation = model.prepare(what, topology.place(what.workers, Pin::none));
    operation->renew(1);
    operation->time(2);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
  });
}

TEST(CpuModels, GiveTheirBindingBack) {
  const Topology topology = detect_topology();
  const auto mask = [] {
    cpu_set_t set;
    CPU_ZERO(&set);
    sched_getaffinity(0, sizeof set, &set);
    return CPU_COUNT(&set);
  };
  const int before = mask();
  for_each_configuration([&](Model& model, Configuration what) {
    what.elements = 100;
    {
      const auto operation = model.prepare(what, topology.place(what.workers, Pin::cores));
      operation->renew(1);
      operation->time(1);
    }
    EXPECT_EQ(mask(), before) << what.name();
  });
}

TEST(CpuModels, WorkOnTheCpusTheyAreGiven) {
  // All workers on one CPU: the process's threads must not run anywhere else.
  const Topology topology = detect_topology();
  if (topology.threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const int cpu = topology.threads.back().cpu;
  Placement placement = topology.place(2, Pin::cores);
  placement.cpus = {cpu, cpu};
  placement.oversubscribed = true;
  for_each_configuration([&](Model& model, Configuration what) {
    if (what.workers != 2) return;
    // By messages, the caller is no worker (see processes_test).
    for (const char* channel : {"pipe", "socket", "queue"}) {
      if (what.variant == channel) return;
    }
    what.elements = 1 << 16;
    const auto operation = model.prepare(what, placement);
    operation->renew(1);
    operation->time(4);
    EXPECT_EQ(sched_getcpu(), cpu) << what.name();
    EXPECT_TRUE(operation->verify().correct) << what.name();
  });
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

TEST(ThreadPool, FillsTheHardwareThreadsOfACoreFirst) {
  const Topology topology = detect_topology();
  const auto model = cpu::make_threads();
  const Configuration what{find_workload("reduce"), ElementType::f32, "threads", "pool-siblings",
                           Scope::resident,         100'000,          2,         Devices::cpus()};
  const Placement placement = topology.place(2, Pin::cores);
  if (static_cast<int>(topology.threads.size()) == topology.physical_cores) {
    try {
      model->prepare(what, placement);
      FAIL() << "there is no core with two hardware threads";
    } catch (const Unavailable& reason) {
      EXPECT_THAT(reason.what(), testing::HasSubstr("no core here has a second hardware thread"));
    }
    return;
  }
  const auto operation = model->prepare(what, placement);
  cpu_set_t set;
  ASSERT_EQ(sched_getaffinity(0, sizeof set, &set), 0);
  const int first = topology.place(2, Pin::threads).cpus.front();
  EXPECT_TRUE(CPU_ISSET(static_cast<std::size_t>(first), &set)) << "the caller is worker 0";
  EXPECT_EQ(CPU_COUNT(&set), 1);
  operation->renew(1);
  operation->time(2);
  EXPECT_TRUE(operation->verify().correct);
}

TEST(OpenMpModel, EndsItsThreads) {
  // Threads that were told to wait actively would spin beside whatever is measured next.
  const auto threads = [] {
    const std::filesystem::directory_iterator tasks("/proc/self/task");
    return std::distance(begin(tasks), end(tasks));
  };
  const Topology topology = detect_topology();
  [[maybe_unused]] const auto before = threads();
  const auto model = cpu::make_openmp();
  const Configuration what{
      find_workload("reduce"), ElementType::f32, "openmp", "static", Scope::resident, 1000, 4,
      Devices::cpus()};
  for (int i = 0; i < 3; ++i) {
    const auto operation = model->prepare(what, topology.place(4, Pin::none));
    operation->renew(1);
    operation->time(1);
    EXPECT_GE(threads(), 4);
  }
#ifdef __clang__
  // LLVM's stay, but sleep.
  const double used = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_LT(cpu_seconds() - used, 0.03);
#else
  // A thread that has ended may be listed a little longer.
  for (int i = 0; i < 1000 && threads() > before; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(threads(), before);
#endif
}

TEST(ThreadPool, SleepsWhenItIsNotUsed) {
  const Topology topology = detect_topology();
  const auto model = cpu::make_threads();
  Configuration what{
      find_workload("reduce"), ElementType::f32, "threads", "pool", Scope::resident, 1000, 4,
      Devices::cpus()};
  Placement placement = topology.place(4, Pin::none);
  placement.oversubscribed = false;  // so that it spins
  const auto operation = model->prepare(what, placement);
  operation->renew(1);
  operation->time(10);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // longer than any spinning
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));
  EXPECT_LT(cpu_seconds() - before, 0.03) << "workers burn CPU time while nothing is measured";
  operation->time(10);
  EXPECT_TRUE(operation->verify().correct) << "and wake up again";
}

TEST(ThreadPool, SurvivesManyPausesAndRestarts) {
  const Topology topology = detect_topology();
  const auto model = cpu::make_threads();
  Configuration what{
      find_workload("reduce"), ElementType::i64, "threads", "pool", Scope::resident, 300, 3,
      Devices::cpus()};
  for (int i = 0; i < 50; ++i) {
    const auto operation = model->prepare(what, topology.place(3, Pin::cores));
    operation->renew(1);
    for (int k = 0; k < 20; ++k) operation->time(5);
    ASSERT_TRUE(operation->verify().correct);
  }
}

}  // namespace
}  // namespace crossover
