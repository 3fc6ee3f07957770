// Run under mpirun, with several ranks: rank 0 tests, the others serve. Inputs with a high salt
// tell the others to go wrong, and must be caught.
#include "cpu/mpi.hpp"

#include <gtest/gtest.h>

#include <ctime>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/topology.hpp"
#include "common/workloads/testing.hpp"
#include "cpu/faults_testing.hpp"
#include "cpu/mpi/link.hpp"
#include "cpu/mpi/part.hpp"

namespace crossover::cpu::mpi {
namespace {

constexpr std::uint32_t kSaltOfFaults = 1000;

/// Takes the fault out of the salt on the last rank.
class FaultyPart final : public ArrayPart {
 public:
  FaultyPart(const Task& task, MPI_Comm ranks, int rank, const std::vector<int>& allowed)
      : ArrayPart(
            task, ranks, rank, allowed,
            spoilt<FaultyLoops>(workloads()[static_cast<std::size_t>(task.workload)], task.type)),
        last_(rank == task.workers - 1) {}
  void renew(std::uint32_t salt) override {
    FaultyLoops::fault =
        last_ && salt > kSaltOfFaults ? static_cast<Fault>(salt - kSaltOfFaults) : Fault::none;
    ArrayPart::renew(salt);
  }

 private:
  bool last_;
};

/// A link whose peer has got, and sends, something else.
class FaultyLink final : public Part {
 public:
  FaultyLink(Ranks& all, const Task& task) : right_(all, task) {}
  void renew(std::uint32_t salt) override { right_.renew(salt > kSaltOfFaults ? salt + 1 : salt); }
  Nanoseconds time(std::int64_t operations) override { return right_.time(operations); }
  Report report() const override { return right_.report(); }
  Verdict judge(const std::vector<Report>& reports) const override { return right_.judge(reports); }

 private:
  LinkPart right_;
};

std::unique_ptr<Part> make_faulty_part(Ranks& all, const Task& task,
                                       const std::vector<int>& allowed) {
  if (task.elements == 13) throw std::bad_alloc();
  if (task.peer >= 0) return std::make_unique<FaultyLink>(all, task);
  return std::make_unique<FaultyPart>(task, all.first(task.workers), all.rank(), allowed);
}

Ranks* ranks = nullptr;

class MpiModel : public testing::Test {
 protected:
  /// `body(configuration without size)` for each variant, workload (of a family its first), type
  /// and number of ranks.
  template <class Body>
  void for_each_configuration(Body&& body) {
    std::string family;
    for (const Workload& workload : workloads()) {
      if (workload.array_index < 0) continue;
      if (!workload.family.empty() && workload.family == std::exchange(family, workload.family)) {
        continue;
      }
      for (const ElementType type : tested_types(workload)) {
        for (const Variant& variant : model_->variants(workload, type)) {
          for (int workers = 1; workers <= ranks->size(); ++workers) {
            body(Configuration{&workload, type, "mpi", variant.name, Scope::resident, 0, workers,
                               Devices::cpus()});
          }
        }
      }
    }
  }

  Topology topology_ = detect_topology();
  std::unique_ptr<Model> model_ = make_mpi(ranks);
};

TEST_F(MpiModel, IsRightAtEverySizeForEveryType) {
  for_each_configuration([&](Configuration what) {
    const auto workers = static_cast<std::uint64_t>(what.workers);
    for (const std::uint64_t n :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{2}, workers - 1, workers, workers + 1,
          std::uint64_t{31}, std::uint64_t{127}, std::uint64_t{1009}, std::uint64_t{70001}}) {
      what.elements = n;
      const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::cores));
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        EXPECT_GE(operation->time(3).count(), 0);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
      }
    }
  });
}

TEST_F(MpiModel, IsRightWithColdCaches) {
  for_each_configuration([&](Configuration what) {
    what.elements = 5003;
    what.cache = Cache::cold;
    const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::cores));
    for (const std::uint32_t salt : {1U, 2U}) {
      operation->renew(salt);
      EXPECT_GT(operation->time(3).count(), 0);
      const Verdict verdict = operation->verify();
      EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
    }
  });
}

TEST_F(MpiModel, IsRightUnpinned) {
  for_each_configuration([&](Configuration what) {
    what.elements = 5003;
    const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::none));
    operation->renew(1);
    operation->time(2);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << what.name() << ": " << verdict.note;
  });
}

TEST_F(MpiModel, AFaultOfTheLastRankIsCaught) {
  for_each_configuration([&](Configuration what) {
    // Rank 0 has the real loops.
    if (what.workers == 1) return;
    for (const std::uint64_t n : {100, 4099, 300'007}) {
      what.elements = n;
      const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::cores));
      const auto verdict_with = [&](Fault fault) {
        operation->renew(kSaltOfFaults + static_cast<std::uint32_t>(fault));
        operation->time(3);
        return operation->verify();
      };
      const Verdict right = verdict_with(Fault::none);
      EXPECT_TRUE(right.correct) << what.name() << ": " << right.note;
      for (const Fault fault : faults_of(*what.workload)) {
        // The last rank's part of a large sum's input is the same for all salts.
        if (fault == Fault::stale && what.workload->is_sum && n > 100'000) continue;
        EXPECT_FALSE(verdict_with(fault).correct)
            << what.name() << " with fault " << static_cast<int>(fault);
      }
    }
  });
}

TEST_F(MpiModel, ARankWithoutMemoryIsNoEnd) {
  Configuration what{
      find_workload("double"), ElementType::f32, "mpi", "slices", Scope::resident, 13,
      ranks->size(),           Devices::cpus()};
  const auto place = topology_.place(what.workers, Pin::cores);
  if (what.workers > 1) {
    EXPECT_THROW(model_->prepare(what, place), std::bad_alloc);
  }
  what.elements = 14;
  const auto operation = model_->prepare(what, place);
  operation->renew(1);
  operation->time(1);
  EXPECT_TRUE(operation->verify().correct);
}

TEST_F(MpiModel, ACpuThatIsNotThereIsAReason) {
  if (ranks->size() == 1) GTEST_SKIP() << "needs a second rank";
  Configuration what{
      find_workload("double"), ElementType::f32, "mpi", "slices", Scope::resident, 100, 2,
      Devices::cpus()};
  Placement placement = topology_.place(2, Pin::cores);
  placement.cpus[1] = 100000;
  try {
    model_->prepare(what, placement);
    FAIL() << "nothing was thrown";
  } catch (const Unavailable& reason) {
    EXPECT_NE(std::string(reason.what()).find("CPU 100000"), std::string::npos) << reason.what();
  }
}

TEST_F(MpiModel, HasAsManyWorkersAsRanks) {
  Configuration what{
      find_workload("double"), ElementType::f32, "mpi", "slices", Scope::resident, 100,
      ranks->size() + 1,       Devices::cpus()};
  EXPECT_THROW(model_->prepare(what, topology_.place(what.workers, Pin::cores)), Unavailable);
}

TEST_F(MpiModel, RanksSleepWhenNothingIsMeasured) {
  Configuration what{
      find_workload("reduce"), ElementType::f32, "mpi", "slices", Scope::resident, 1000,
      ranks->size(),           Devices::cpus()};
  const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::cores));
  operation->renew(1);
  operation->time(10);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));  // longer than any spinning
  const auto seconds = [](int process) {
    clockid_t clock{};
    timespec time{};
    clock_getcpuclockid(process, &clock);
    clock_gettime(clock, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  };
  std::vector<double> before;
  for (const int process : operation->processes()) before.push_back(seconds(process));
  EXPECT_EQ(before.size(), static_cast<std::size_t>(ranks->size() - 1));
  std::this_thread::sleep_for(std::chrono::milliseconds(500));
  std::size_t helper = 0;
  for (const int process : operation->processes()) {
    EXPECT_LT(seconds(process) - before[helper++], 0.025) << "burns CPU time while idle";
  }
  operation->time(10);
  EXPECT_TRUE(operation->verify().correct) << "and wakes up again";
}

/// `body(configuration without size)` for each way between two ranks of this machine.
template <class Body>
void for_each_link(const Model& model, Body&& body) {
  for (const Variant& variant : model.variants(costs::link(), ElementType::none)) {
    const bool far = variant.name.ends_with("-far");
    body(Configuration{&costs::link(), ElementType::none, "mpi", variant.name, Scope::resident, 0,
                       2, Devices::cpus()},
         far);
  }
}

TEST_F(MpiModel, ALinkCarriesEveryByte) {
  for_each_link(*model_, [&](Configuration what, bool far) {
    SCOPED_TRACE(what.name());
    for (const std::uint64_t bytes : {0, 1, 3, 5, 4096, 1'000'003}) {
      what.elements = bytes;
      const auto place = topology_.place(2, bytes % 2 == 0 ? Pin::cores : Pin::none);
      if (far || ranks->size() == 1) {
        EXPECT_THROW(model_->prepare(what, place), Unavailable);
        continue;
      }
      const auto operation = model_->prepare(what, place);
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        EXPECT_EQ(operation->verify().correct, bytes == 0) << "nothing has been sent";
        EXPECT_GE(operation->time(1).count(), 0);
        EXPECT_GE(operation->time(3).count(), 0);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << verdict.note;
      }
      EXPECT_EQ(operation->processes().size(), 1U);
    }
    what.elements = LinkPart::kMost + 1;
    EXPECT_THROW(model_->prepare(what, topology_.place(2, Pin::none)), Unavailable);
  });
}

TEST_F(MpiModel, ALinksOtherEndIsVerifiedToo) {
  if (ranks->size() == 1) GTEST_SKIP() << "needs a second rank";
  for_each_link(*model_, [&](Configuration what, bool far) {
    if (far) return;
    what.elements = 1000;
    const auto operation = model_->prepare(what, topology_.place(2, Pin::cores));
    operation->renew(kSaltOfFaults + 1);
    operation->time(3);  // after an even number both ways each has its own again
    const Verdict verdict = operation->verify();
    EXPECT_FALSE(verdict.correct) << what.name();
    EXPECT_NE(verdict.note.find("wrong byte"), std::string::npos) << verdict.note;
  });
}

TEST_F(MpiModel, LosesNobody) { EXPECT_EQ(model_->lost(), ""); }

TEST_F(MpiModel, NamesNobodyInItsFacts) {
  for (const auto& [fact, value] : model_->facts()) {
    EXPECT_EQ(value.find('@'), std::string::npos) << fact << ": " << value;
  }
}

}  // namespace
}  // namespace crossover::cpu::mpi

int main(int argc, char** argv) {
  using namespace crossover::cpu::mpi;
  testing::InitGoogleTest(&argc, argv);
  if (!Ranks::launched()) return 2;
  Ranks all;
  if (all.rank() != 0) {
    serve(all, make_faulty_part);
    return 0;
  }
  ranks = &all;
  return RUN_ALL_TESTS();
}
