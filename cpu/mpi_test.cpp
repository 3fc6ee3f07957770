// Run under mpirun, with several ranks: rank 0 tests, the others serve. Inputs with a high salt
// tell the others to go wrong, and must be caught.
#include "cpu/mpi.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <ctime>
#include <limits>
#include <thread>

#include "common/topology.hpp"
#include "cpu/mpi/serve.hpp"

namespace crossover::cpu::mpi {
namespace {

enum class Fault : std::uint32_t {
  none,
  idle,  ///< does nothing
  skipped_tail,
  flipped_element,
  zeroed_tail,
  not_a_number,
  kCount
};
constexpr std::uint32_t kSaltOfFaults = 1000;

Fault fault = Fault::none;  // of this rank's loops

struct FaultyLoops {
  template <class T>
  static void double_in_place(std::span<T> x) {
    if (fault == Fault::idle || x.empty()) return;
    loops::double_in_place(fault == Fault::skipped_tail ? x.first(x.size() - 1) : x);
    T& one = x[x.size() / 3];
    constexpr BitsOf<T> kHighest = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
    if (fault == Fault::flipped_element)
      one = std::bit_cast<T>(std::bit_cast<BitsOf<T>>(one) ^ kHighest);
    if (fault == Fault::zeroed_tail) x.back() = T{};
    if (fault == Fault::not_a_number) x.back() = std::numeric_limits<T>::quiet_NaN();
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> x) {
    if (fault == Fault::idle || x.empty()) return {};
    const T last = x.back();
    std::vector<T> copy(x.begin(), x.end());
    if (fault == Fault::flipped_element) {
      constexpr BitsOf<T> kHighest = BitsOf<T>{1} << (sizeof(T) * 8 - 1);
      copy.back() = std::bit_cast<T>(std::bit_cast<BitsOf<T>>(last) ^ kHighest);
    }
    if (fault == Fault::skipped_tail || fault == Fault::zeroed_tail) copy.back() = T{};
    if (fault == Fault::not_a_number) return std::numeric_limits<SumOf<T>>::quiet_NaN();
    return loops::sum(std::span<const T>(copy));
  }
};

/// Takes the fault out of the salt on the last rank.
class FaultyPart final : public Part {
 public:
  FaultyPart(std::unique_ptr<Part> part, bool last) : part_(std::move(part)), last_(last) {}
  void renew(std::uint32_t salt) override {
    fault = last_ && salt > kSaltOfFaults ? static_cast<Fault>(salt - kSaltOfFaults) : Fault::none;
    part_->renew(salt);
  }
  void run() override { part_->run(); }
  Report report(std::uint32_t salt, std::int64_t operations) override {
    return part_->report(salt, operations);
  }
  Verdict judge(const std::vector<Report>& reports, std::uint32_t salt) override {
    return part_->judge(reports, salt);
  }

 private:
  std::unique_ptr<Part> part_;
  bool last_;
};

std::unique_ptr<Part> make_faulty_part(const Task& task, MPI_Comm ranks, int rank,
                                       const std::vector<int>& allowed) {
  if (task.elements == 13) throw std::bad_alloc();
  return std::make_unique<FaultyPart>(make_part<FaultyLoops>(task, ranks, rank, allowed),
                                      rank == task.workers - 1);
}

Ranks* ranks = nullptr;

class MpiModel : public testing::Test {
 protected:
  /// `body(configuration without size)` for each variant, workload, type and number of ranks.
  template <class Body>
  void for_each_configuration(Body&& body) {
    for (const Workload& workload : workloads()) {
      for (const ElementType type : workload.types) {
        for (const Variant& variant : model_->variants(workload, type)) {
          for (int workers = 1; workers <= ranks->size(); ++workers) {
            body(Configuration{&workload, type, "mpi", variant.name, Scope::resident, 0, workers,
                               "cpu"});
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
    for (const std::uint64_t n : {100, 4099, 1000003}) {
      what.elements = n;
      const auto operation = model_->prepare(what, topology_.place(what.workers, Pin::cores));
      for (std::uint32_t planted = 0; planted < static_cast<std::uint32_t>(Fault::kCount);
           ++planted) {
        operation->renew(kSaltOfFaults + planted);
        operation->time(3);
        const Verdict verdict = operation->verify();
        EXPECT_EQ(verdict.correct, planted == 0)
            << what.name() << " with fault " << planted << ": " << verdict.note;
      }
    }
  });
}

TEST_F(MpiModel, ARankWithoutMemoryIsNoEnd) {
  Configuration what{find_workload("double"),
                     ElementType::f32,
                     "mpi",
                     "slices",
                     Scope::resident,
                     13,
                     ranks->size(),
                     "cpu"};
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
      find_workload("double"), ElementType::f32, "mpi", "slices", Scope::resident, 100, 2, "cpu"};
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
  Configuration what{find_workload("double"),
                     ElementType::f32,
                     "mpi",
                     "slices",
                     Scope::resident,
                     100,
                     ranks->size() + 1,
                     "cpu"};
  EXPECT_THROW(model_->prepare(what, topology_.place(what.workers, Pin::cores)), Unavailable);
}

TEST_F(MpiModel, RanksSleepWhenNothingIsMeasured) {
  Configuration what{find_workload("reduce"),
                     ElementType::f32,
                     "mpi",
                     "slices",
                     Scope::resident,
                     1000,
                     ranks->size(),
                     "cpu"};
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
