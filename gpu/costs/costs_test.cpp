#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gpu/models.hpp"
#include "gpu/test_device.hpp"

/// `count` and `create` on the model `cuda`.
namespace crossover::gpu {
namespace {

using testing::HasSubstr;

class CudaCosts : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (testing::Test::IsSkipped()) return;
    model_ = make_cuda();
    all_ = Device(0).properties().multiprocessors;
  }
  void TearDown() override {
    model_.reset();
    DeviceTest::TearDown();
  }

  Configuration configuration(std::string_view workload, std::string variant,
                              std::uint64_t elements, Scope scope = Scope::resident) const {
    const Workload* const entry = find_workload(workload);
    return {entry, entry->types.front(), "cuda", std::move(variant), scope, elements,
            all_,  Devices::gpus({0})};
  }
  std::unique_ptr<Operation> prepare(const Configuration& what) {
    return model_->prepare(what, {{}, test_cpus(), false});
  }
  /// `body(configuration without size)` for every variant and scope.
  template <class Body>
  void for_each_variant(std::string_view workload, Body&& body) {
    const Workload& entry = *find_workload(workload);
    for (const Variant& variant : model_->variants(entry, entry.types.front())) {
      for (const Scope scope : variant.scopes) {
        body(configuration(workload, variant.name, 0, scope));
      }
    }
  }
  Verdict verdict_of(const Configuration& what) {
    const std::unique_ptr<Operation> operation = prepare(what);
    operation->renew(1);
    operation->time(3);
    return operation->verify();
  }
  void expect_right(const Configuration& what) {
    SCOPED_TRACE(what.name());
    const std::unique_ptr<Operation> operation = prepare(what);
    for (const std::uint32_t salt : {1U, 2U}) {
      operation->renew(salt);
      EXPECT_GE(operation->time(1).count(), 0);
      EXPECT_GE(operation->time(3).count(), 0);
      const Verdict verdict = operation->verify();
      EXPECT_TRUE(verdict.correct) << verdict.note;
      if (what.variant != "unsynchronised") {
        EXPECT_EQ(verdict.error, 0);
      }
    }
    EXPECT_THAT(operation->observe().disturbed, Not(HasSubstr("ran on")));
  }

  std::unique_ptr<Model> model_;
  int all_ = 0;
};

TEST_F(CudaCosts, AreAllMeasuredByDefault) {
  std::vector<std::string> names;
  for (const char* workload : {"count", "create"}) {
    const Workload& entry = *find_workload(workload);
    for (const Variant& variant : model_->variants(entry, entry.types.front())) {
      names.push_back(variant.name);
      EXPECT_EQ(variant.role, Variant::Role::best);
      // A dependent launch has a kernel ahead: on the device's clock alone.
      if (variant.name == "dependent") {
        EXPECT_EQ(variant.scopes, std::vector{Scope::kernel});
        continue;
      }
      EXPECT_EQ(variant.scopes.front(), Scope::resident) << "what CPU models are compared with";
      EXPECT_EQ(variant.scopes.size(), 2U);
    }
  }
  EXPECT_EQ(names, (std::vector<std::string>{"unsynchronised", "atomic", "shared-atomic",
                                             "warp-aggregated", "launch", "dependent", "graph"}));
}

TEST_F(CudaCosts, CountEveryIncrement) {
  // Around a warp, a block, and the emulated device's threads: 4 blocks of 1024.
  for_each_variant("count", [&](Configuration what) {
    for (const std::uint64_t n : {0, 1, 2, 31, 32, 33, 1023, 1025, 4095, 4096, 4097, 9001}) {
      if (kFewThreads && n != 33 && n != 4097) continue;
      what.elements = n;
      expect_right(what);
    }
    what.elements = kEmulated ? 20'001 : 50'000'017;
    if (!kFewThreads) expect_right(what);
  });
}

TEST_F(CudaCosts, CountUnderEverySchedule) {
  under_each_schedule([&] {
    for_each_variant("count", [&](Configuration what) {
      what.elements = kFewThreads ? 300 : 2500;
      expect_right(what);
    });
  });
}

TEST_F(CudaCosts, CountOnSomeMultiprocessors) {
  for_each_variant("count", [&](Configuration what) {
    for (what.workers = 1; what.workers < all_; what.workers *= 2) {
      for (const std::uint64_t n : {0, 1, 5001}) {
        if (kFewThreads && n != 1) continue;
        what.elements = n;
        expect_right(what);
      }
    }
  });
}

TEST_F(CudaCosts, RacingLosesIncrementsAndThatIsNoFailure) {
  for (const Scope scope : {Scope::resident, Scope::kernel}) {
    Configuration what = configuration("count", "unsynchronised", 9001, scope);
    const Verdict verdict = verdict_of(what);
    EXPECT_TRUE(verdict.correct) << verdict.note;
    EXPECT_GT(verdict.error, 0.5);
    EXPECT_LT(verdict.error, 1);
    what.elements = 1;
    EXPECT_EQ(verdict_of(what).error, 0);
  }
}

TEST_F(CudaCosts, CountersStartAnewWithEveryInput) {
  for_each_variant("count", [&](Configuration what) {
    what.elements = 100;
    SCOPED_TRACE(what.name());
    const std::unique_ptr<Operation> operation = prepare(what);
    operation->renew(1);
    operation->time(2);
    EXPECT_TRUE(operation->verify().correct);
    operation->renew(2);
    EXPECT_TRUE(operation->verify().correct) << "nothing was asked for yet";
    operation->time(1);
    EXPECT_TRUE(operation->verify().correct);
  });
}

TEST_F(CudaCosts, NoCounterOfABlockWraps) {
  for (const int workers : {1, all_}) {
    Configuration what = configuration("count", "shared-atomic", std::uint64_t{1} << 45);
    what.workers = workers;
    try {
      prepare(what);
      FAIL() << "2^45 increments fitted into blocks' counters";
    } catch (const Unavailable& reason) {
      EXPECT_THAT(reason.what(), HasSubstr("counter of 32 bits"));
    }
  }
}

TEST_F(CudaCosts, CreateHasEveryBlockCome) {
  for_each_variant("create", [&](Configuration what) {
    for (what.workers = 1; what.workers <= all_; ++what.workers) {
      for (const std::uint64_t rounds : {0, 1, 3}) {
        what.elements = rounds * static_cast<std::uint64_t>(what.workers);
        expect_right(what);
      }
    }
    what.workers = 2;
    what.elements = 3;
    EXPECT_THROW(prepare(what), Unavailable);
  });
}

TEST_F(CudaCosts, LeaveWhatTheyDoNotDoAlone) {
  for (const char* workload : {"switch", "wait", "chase"}) {
    EXPECT_TRUE(model_->variants(*find_workload(workload), ElementType::none).empty());
    EXPECT_THROW(prepare(configuration(workload, "x", 1)), std::invalid_argument);
  }
}

#ifdef CROSSOVER_EMULATION

/// Faults in what the kernels do, planted in the emulated hardware.
class PlantedCosts : public CudaCosts {
 protected:
  /// Of one operation under the schedule's faults, which start with it.
  void expect_noticed(const Configuration& what, void (*plant)(emulation::Schedule&)) {
    SCOPED_TRACE(what.name());
    const std::unique_ptr<Operation> operation = prepare(what);
    operation->renew(1);
    operation->time(2);
    EXPECT_TRUE(operation->verify().correct);
    plant(emulation::schedule());
    operation->time(1);
    emulation::schedule() = {};
    EXPECT_FALSE(operation->verify().correct);
  }
};

TEST_F(PlantedCosts, AnIncrementABlockOrALaneThatIsLost) {
  for_each_variant("count", [&](Configuration what) {
    if (what.variant == "unsynchronised") return;
    what.elements = 4000;  // some for each multiprocessor's block of 1024 threads
    expect_noticed(what, [](emulation::Schedule& is) { is.lost_addition = 0; });
    expect_noticed(what, [](emulation::Schedule& is) { is.lost_addition = 3; });
    expect_noticed(what, [](emulation::Schedule& is) { is.last_block = 3; });
    if (what.variant != "warp-aggregated") return;
    expect_noticed(what, [](emulation::Schedule& is) { is.lost_vote = 31; });
  });
}

TEST_F(PlantedCosts, ARaceThatNobodyRuns) {
  const std::unique_ptr<Operation> operation =
      prepare(configuration("count", "unsynchronised", 1000));
  operation->renew(1);
  emulation::schedule().last_block = 0;
  operation->time(1);
  EXPECT_FALSE(operation->verify().correct);
}

TEST_F(PlantedCosts, AWorkerThatDoesNotCome) {
  for_each_variant("create", [&](Configuration what) {
    what.elements = 4;
    expect_noticed(what, [](emulation::Schedule& is) { is.last_block = 3; });
    expect_noticed(what, [](emulation::Schedule& is) { is.lost_addition = 0; });
  });
}

TEST_F(PlantedCosts, AreMeasuredOnOneGpu) {
  emulation::machine().devices.push_back(emulation::DeviceModel{});
  for (const auto& [workload, variant] : {std::pair{"count", "atomic"}, {"create", "launch"}}) {
    Configuration what = configuration(workload, variant, 8);
    what.device = Devices::gpus({0, 1});
    what.workers = 8;
    EXPECT_THROW(prepare(what), Unavailable);
    what.device = Devices::gpus({1});
    what.workers = 4;
    expect_right(what);
  }
}

#endif

}  // namespace
}  // namespace crossover::gpu
