#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <tuple>
#include <vector>

#include "gpu/ladder.hpp"
#include "gpu/models.hpp"
#include "gpu/test_device.hpp"

/// The model `cuda` as the harness uses it.
namespace crossover::gpu {
namespace {

class CudaModel : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!testing::Test::IsSkipped()) model_ = make_cuda();
  }
  void TearDown() override {
    model_.reset();
    DeviceTest::TearDown();
  }

  Configuration configuration(std::string_view workload, ElementType type, std::string variant,
                              Scope scope, std::uint64_t elements) const {
    return {find_workload(workload),
            type,
            "cuda",
            std::move(variant),
            scope,
            elements,
            Device(0).properties().multiprocessors,
            Devices::gpus({0})};
  }
  std::unique_ptr<Operation> prepare(const Configuration& what) {
    return model_->prepare(what, {{}, test_cpus(), false});
  }

  std::unique_ptr<Model> model_;
};

using WorkloadAndType = std::tuple<std::string, ElementType>;
class CudaModelVariants : public CudaModel, public testing::WithParamInterface<WorkloadAndType> {};

TEST_P(CudaModelVariants, RunAndVerify) {
  const auto& [workload, type] = GetParam();
  std::vector<std::uint64_t> sizes{0, 1000};
  if (!kFewThreads) sizes.insert(sizes.end(), {1, kEmulated ? 9001 : 5'000'011});
  for (const Variant& variant : model_->variants(*find_workload(workload), type)) {
    for (const Scope scope : variant.scopes) {
      for (const std::uint64_t n : sizes) {
        const Configuration what = configuration(workload, type, variant.name, scope, n);
        SCOPED_TRACE(what.name());
        std::unique_ptr<Operation> operation;
        try {
          operation = prepare(what);
        } catch (const Unavailable& reason) {
          // A library that is not installed, or bulk copies on an older GPU; nothing else.
          ASSERT_TRUE(variant.role == Variant::Role::library || variant.name == "bulk")
              << reason.what();
          continue;
        }
        for (const std::uint32_t salt : {11U, 12U}) {
          operation->renew(salt);
          ASSERT_GE(operation->operations_left(), 5);
          EXPECT_GE(operation->time(1).count(), 0);
          EXPECT_GE(operation->time(4).count(), 0);
          const Verdict verdict = operation->verify();
          EXPECT_TRUE(verdict.correct) << verdict.note;
        }
        operation->observe();
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, CudaModelVariants,
                         testing::Combine(testing::Values("double", "reduce"),
                                          testing::ValuesIn(kElementTypes)),
                         [](const auto& instance) {
                           return std::get<0>(instance.param) + "_" +
                                  std::string(name(std::get<1>(instance.param)));
                         });

TEST_F(CudaModel, OverlapsTransfersInChunks) {
  // 5 MiB and a little: chunks of 1, 2 and 4 MiB are tried.
  const std::uint64_t bytes = (std::uint64_t{5} << 20) + 24;
  for (const char* workload : {"double", "reduce"}) {
    for (const ElementType type : {ElementType::f32, ElementType::i64}) {
      const Configuration what =
          configuration(workload, type, "overlapped", Scope::offload, bytes / size_of(type));
      SCOPED_TRACE(what.name());
      for (int round = 0; round < (kFewThreads ? 1 : 2); ++round) {
        const std::unique_ptr<Operation> operation = prepare(what);
        operation->renew(3);
        operation->time(2);
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << verdict.note;
      }
    }
  }
}

TEST_F(CudaModel, NoticesAResultThatIsNotTheInputs) {
  for (const char* workload : {"double", "reduce"}) {
    for (const Scope scope : {Scope::resident, Scope::kernel, Scope::offload}) {
      const char* const variant = scope == Scope::offload ? "pinned" : "best";
      const Configuration what = configuration(workload, ElementType::f32, variant, scope, 5000);
      SCOPED_TRACE(what.name());
      const std::unique_ptr<Operation> operation = prepare(what);
      operation->renew(1);
      operation->time(1);
      EXPECT_TRUE(operation->verify().correct);
      // New input, old result.
      operation->renew(2);
      if (std::string_view(workload) == "reduce") {
        EXPECT_FALSE(operation->verify().correct);
      }
      operation->time(1);
      EXPECT_TRUE(operation->verify().correct);
    }
  }
}

TEST_F(CudaModel, SweepsMultiprocessors) {
  const int all = Device(0).properties().multiprocessors;
  ASSERT_EQ(model_->workers({{1}, std::nullopt, {0}}).front().second, std::vector{all});
  const std::vector<int> counts = model_->workers({{1}, std::vector<int>{}, {0}}).front().second;
  EXPECT_EQ(counts.front(), 1);
  EXPECT_EQ(counts.back(), all);
  for (const int count : counts) {
    for (const char* workload : {"double", "reduce"}) {
      for (const Scope scope : {Scope::resident, Scope::kernel}) {
        Configuration what = configuration(workload, ElementType::f32, "best", scope, 30011);
        what.workers = count;
        SCOPED_TRACE(what.name());
        const std::unique_ptr<Operation> operation = prepare(what);
        operation->renew(1);
        operation->time(3);
        EXPECT_TRUE(operation->verify().correct);
        EXPECT_EQ(operation->observe().disturbed.find("ran on"), std::string::npos);
      }
    }
  }
}

TEST_F(CudaModel, TellsWhatCannotBeLimited) {
  Configuration what = configuration("double", ElementType::f32, "naive", Scope::resident, 100);
  what.workers = 1;
  EXPECT_THROW(prepare(what), Unavailable);
  what.variant = "cub";
  EXPECT_THROW(prepare(what), Unavailable);
  what.variant = "graph";
  EXPECT_THROW(prepare(what), Unavailable);
  what.variant = "pinned";
  what.scope = Scope::offload;
  EXPECT_THROW(prepare(what), Unavailable);
}

TEST_F(CudaModel, RefusesWhatIsNotThere) {
  EXPECT_THROW(model_->workers({{1}, std::nullopt, {999}}), std::invalid_argument);
  EXPECT_THROW(model_->workers({{1}, std::vector{65536}, {0}}), std::invalid_argument);
}

TEST_F(CudaModel, SkipsWhatDoesNotFit) {
  const Configuration what =
      configuration("reduce", ElementType::f64, "best", Scope::resident, std::uint64_t{1} << 45);
  try {
    prepare(what);
    FAIL() << "256 TiB fitted";
  } catch (const Unavailable& reason) {
    EXPECT_NE(std::string(reason.what()).find("MiB are free"), std::string::npos);
  }
}

TEST_F(CudaModel, DescribesItsDevices) {
  const nlohmann::json gpus = model_->hardware().at("gpus");
  ASSERT_FALSE(gpus.empty());
  EXPECT_EQ(gpus[0].at("device"), "gpu0");
  EXPECT_GT(gpus[0].at("multiprocessors").get<int>(), 0);
  EXPECT_GT(gpus[0].at("memory_bytes").get<double>(), 0);
  EXPECT_FALSE(model_->facts().empty());
}

}  // namespace
}  // namespace crossover::gpu
