#include "cpu/costs/count/count.hpp"

#include <gtest/gtest.h>

#include "cpu/costs/cost_testing.hpp"

namespace crossover::cpu {
namespace {

TEST(Count, IsExactForEveryVariantThatSynchronises) {
  for_each_variant("count", tested_counts(9), [](Model& model, Configuration what) {
    const auto workers = static_cast<std::uint64_t>(what.workers);
    for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, workers - 1, workers,
                                  workers + 1, std::uint64_t{3001}}) {
      what.elements = n;
      expect_correct(model, what);
    }
    expect_correct(model, what, Pin::none);
  });
}

TEST(Count, LosesIncrementsThatAreNotSynchronised) {
  const Topology topology = detect_topology();
  if (topology.threads.size() < 2) GTEST_SKIP() << "needs two CPUs";
  const auto model = make_threads();
  const auto operation = model->prepare(configuration("count", "unsynchronised", 1'000'000, 2),
                                        topology.place(2, Pin::cores));
  double lost = 0;
  for (std::uint32_t salt = 0; salt < 20 && lost == 0; ++salt) {
    operation->renew(salt);
    operation->time(10);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << verdict.note;
    lost = verdict.error;
  }
  EXPECT_GT(lost, 0);
  EXPECT_LT(lost, 1);
}

class DropsOne : public steps::Atomic {
 public:
  using Atomic::Atomic;
  void add(int worker, std::uint64_t times) { Atomic::add(worker, times - (worker == 0 ? 1 : 0)); }
};

TEST(Count, NoticesIncrementsThatAreLostOrMadeUp) {
  const Configuration what = configuration("count", "fault", 1000, 4);
  EXPECT_TRUE((passes<CountOperation<InTurn, steps::Atomic>>(what)));
  EXPECT_FALSE((passes<CountOperation<InTurn, DropsOne>>(what)));
  EXPECT_FALSE((passes<CountOperation<LostWorker, steps::Padded>>(what)));
  EXPECT_FALSE((passes<CountOperation<TwiceTheFirst, steps::MutexBatch>>(what)));
  EXPECT_FALSE((passes<CountOperation<TwiceTheFirst, steps::Unsynchronised>>(what)));
}

TEST(Count, StartsAnewWithEveryInput) {
  CountOperation<InTurn, steps::Mutex> operation(configuration("count", "mutex", 10, 2), kHere);
  operation.renew(1);
  operation.time(1);
  EXPECT_TRUE(operation.verify().correct);
  operation.renew(2);
  EXPECT_TRUE(operation.verify().correct) << "nothing was asked for yet";
  operation.time(1);
  EXPECT_TRUE(operation.verify().correct);
}

TEST(ArrayModels, LeaveWhatTheyDoNotDoAlone) {
  const auto model = make_stdpar();
  for (const char* workload :
       {"count", "create", "switch", "wait", "chase", "core-to-core", "link"}) {
    const Configuration what = configuration(workload, "slices", 4, 2);
    EXPECT_TRUE(model->variants(*what.workload, what.type).empty());
    EXPECT_THROW(model->prepare(what, kHere), std::invalid_argument);
  }
}

}  // namespace
}  // namespace crossover::cpu
