#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "gpu/models.hpp"
#include "gpu/test_device.hpp"

/// `link` on the model `cuda`.
namespace crossover::gpu {
namespace {

class CudaLink : public DeviceTest {
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

  /// `body(configuration without size)` for every variant and scope.
  template <class Body>
  void for_each_variant(Body&& body) {
    const Workload& link = costs::link();
    for (const Variant& variant : model_->variants(link, ElementType::none)) {
      for (const Scope scope : variant.scopes) {
        const Configuration what{&link, ElementType::none, "cuda", variant.name, scope, 0,
                                 all_,  Devices::gpus({0})};
        SCOPED_TRACE(what.name());
        body(what);
      }
    }
  }
  std::unique_ptr<Operation> prepare(const Configuration& what) {
    return model_->prepare(what, {{}, test_cpus(), false});
  }

  std::unique_ptr<Model> model_;
  int all_ = 0;
};

TEST_F(CudaLink, HasAWayForEachDirectionAndSteps) {
  std::vector<std::string> best;
  std::vector<std::string> steps;
  for (const Variant& variant : model_->variants(costs::link(), ElementType::none)) {
    (variant.role == Variant::Role::best ? best : steps).push_back(variant.name);
  }
  EXPECT_EQ(best, (std::vector<std::string>{"to-device", "to-host", "both-ways"}));
  EXPECT_EQ(steps, (std::vector<std::string>{"to-device-pageable", "to-device-write-combined",
                                             "to-host-pageable"}));
}

TEST_F(CudaLink, CarriesEveryByte) {
  for_each_variant([&](Configuration what) {
    for (const std::uint64_t bytes : {0, 1, 3, 4, 5, 4096, 100'003}) {
      what.elements = bytes;
      const auto operation = prepare(what);
      for (const std::uint32_t salt : {1U, 2U}) {
        operation->renew(salt);
        EXPECT_GE(operation->time(1).count(), 0);
        EXPECT_GE(operation->time(3).count(), 0);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << bytes << ": " << verdict.note;
        EXPECT_EQ(verdict.error, 0);
      }
    }
  });
}

TEST_F(CudaLink, IsVerifiedInPieces) {
  for_each_variant([&](Configuration what) {
    what.elements = (std::uint64_t{33} << 20) + 5;
    const auto operation = prepare(what);
    operation->renew(1);
    operation->time(1);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << verdict.note;
  });
}

TEST_F(CudaLink, WithoutAnOperationNothingHasArrived) {
  for_each_variant([&](Configuration what) {
    what.elements = 10'000;
    const auto operation = prepare(what);
    operation->renew(1);
    EXPECT_FALSE(operation->verify().correct);
    operation->time(1);
    EXPECT_TRUE(operation->verify().correct);
    operation->renew(2);
    EXPECT_FALSE(operation->verify().correct) << "a result that was left over";
  });
}

TEST_F(CudaLink, TellsWhatItTakesOfTheHost) {
  for_each_variant([&](Configuration what) {
    what.elements = std::uint64_t{64} << 20;
    const std::uint64_t ends = what.variant == "both-ways" ? 2 : 1;
    EXPECT_EQ(model_->host_bytes(what), ends * what.elements);
  });
}

#ifdef CROSSOVER_EMULATION

TEST_F(CudaLink, AByteThatIsLostIsNoticed) {
  for_each_variant([&](Configuration what) {
    what.elements = 10'000;
    const auto operation = prepare(what);
    // Of the copies of an operation, the one or the other.
    for (const int lost : {0, 1}) {
      if (lost == 1 && what.variant != "both-ways") continue;
      operation->renew(3);
      operation->time(4);  // what is lost has come before
      int copies = 0;
      emulation::machine().arriving = [&](std::size_t bytes) {
        return copies++ == lost ? bytes - 1 : bytes;
      };
      operation->time(1);
      emulation::machine().arriving = [](std::size_t bytes) { return bytes; };
      const Verdict verdict = operation->verify();
      EXPECT_FALSE(verdict.correct);
      EXPECT_EQ(verdict.note, "1 wrong byte");
    }
  });
}

TEST_F(CudaLink, WithoutRoomItIsUnavailable) {
  for_each_variant([&](Configuration what) {
    what.elements = emulation::machine().devices.front().memory + 1;
    EXPECT_THROW(prepare(what), Unavailable);
  });
}

#endif

}  // namespace
}  // namespace crossover::gpu
