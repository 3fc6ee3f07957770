#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/forms.hpp"
#include "gpu/models.hpp"
#include "gpu/test_arrays.hpp"

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

class CudaModelVariants : public CudaModel, public testing::WithParamInterface<Case> {};

TEST_P(CudaModelVariants, RunAndVerify) {
  const auto& [workload, type] = GetParam();
  std::vector<std::uint64_t> sizes{0, 1000};
  if (!kEmulated) {
    sizes.insert(sizes.end(), {1, 5'000'011});
  } else if (type == ElementType::f32 && workload->parameter <= 1 && !kSanitized) {
    sizes.insert(sizes.end(), {1, 5001});  // the ladders' own tests have more sizes and types
  }
  for (const Variant& variant : model_->variants(*workload, type)) {
    for (const Scope scope : variant.scopes) {
      for (const std::uint64_t n : sizes) {
        for (const Cache cache : {Cache::warm, Cache::cold}) {
          Configuration what = configuration(workload->name, type, variant.name, scope, n);
          what.cache = cache;
          if (cache == Cache::cold && (n != 1000 || workload->parameter > 1)) continue;
          if (cache == Cache::cold && kFewThreads && variant.name != "best") continue;
          SCOPED_TRACE(what.name());
          std::unique_ptr<Operation> operation;
          try {
            operation = prepare(what);
          } catch (const Unavailable& reason) {
            // A library that is not installed, what an older GPU lacks, a dependent launch of too
            // large a grid, a graph's one set of arrays; nothing else, and on the emulation only
            // the last.
            const std::string& name = variant.name;
            ASSERT_TRUE(name == "graph" ? cache == Cache::cold
                                        : !kEmulated && (name == "bulk" || name == "tile" ||
                                                         name == "ring" || name == "dependent" ||
                                                         variant.role == Variant::Role::library))
                << reason.what();
            continue;
          }
          for (const std::uint32_t salt : {11U, 12U}) {
            operation->renew(salt);
            ASSERT_GE(operation->operations_left(), 5);
            EXPECT_GE(operation->time(1).count(), 0);
            EXPECT_GE(operation->time(2).count(), 0);
            const Verdict verdict = operation->verify();
            EXPECT_TRUE(verdict.correct) << verdict.note;
          }
          operation->observe();
        }
      }
    }
  }
}

std::vector<Case> all_cases() {
  std::vector<Case> all = array_cases(false);
  const std::vector<Case> sums = array_cases(true);
  all.insert(all.end(), sums.begin(), sums.end());
  return all;
}
INSTANTIATE_TEST_SUITE_P(All, CudaModelVariants, testing::ValuesIn(all_cases()),
                         [](const auto& instance) { return instance.param.name(); });

TEST_F(CudaModel, TakesEachOfItsFormsAndTheOneThatWasChosen) {
  int several = 0;
  for (const char* workload : {"double", "copy", "reduce"}) {
    for (const Scope scope : {Scope::resident, Scope::kernel}) {
      for (const std::uint64_t n : {1000U, 50'001U}) {
        const Configuration what = configuration(workload, ElementType::f32, "best", scope, n);
        SCOPED_TRACE(what.name());
        const auto operation = prepare(what);
        const std::vector<std::string> forms = operation->own_forms();
        several += forms.size() > 1 ? 1 : 0;
        for (const std::string& form : forms) {
          SCOPED_TRACE(form);
          try {
            operation->take_form(form);
          } catch (const Unavailable&) {
            continue;  // a dependent launch of too large a grid
          }
          operation->renew(3);
          EXPECT_GE(operation->time(2).count(), 0);
          EXPECT_TRUE(operation->verify().correct);
        }
        ChosenForms chosen;
        chosen.add_own(what.name(), "gpu0", forms.back());
        Placement placement{{}, test_cpus(), false};
        placement.forms = &chosen;
        const auto again = model_->prepare(what, placement);
        again->renew(4);
        again->time(1);
        EXPECT_TRUE(again->verify().correct);
        chosen.add_own(what.name(), "gpu0", "none such");
        EXPECT_THROW(model_->prepare(what, placement), std::invalid_argument);
      }
    }
  }
  EXPECT_GT(several, 0);
  const auto spread =
      prepare(configuration("double", ElementType::f32, "spread", Scope::kernel, 9));
  EXPECT_TRUE(spread->own_forms().empty());
}

TEST_F(CudaModel, OffersEveryWorkloadOnArrays) {
  for (const Case& is : all_cases()) {
    SCOPED_TRACE(is.name());
    std::vector<std::string> names;
    int best_on_device = 0;
    int best_offload = 0;
    for (const Variant& variant : model_->variants(*is.workload, is.type)) {
      names.push_back(variant.name);
      for (const Scope scope : variant.scopes) {
        if (variant.role != Variant::Role::best) continue;
        ++(scope == Scope::offload ? best_offload : best_on_device);
      }
      // The device's clock cannot be put around a call that waits.
      if (variant.name == "thrust") {
        EXPECT_EQ(variant.scopes, std::vector{Scope::resident});
      }
    }
    EXPECT_EQ(best_on_device, 4);  // `best` and `spread`
    EXPECT_EQ(best_offload, 1);
    EXPECT_EQ(names.front(), is.workload->is_sum ? "atomic" : "naive");
    const auto has = [&](const char* name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    // BLAS has a routine for these: scal, copy, dot, asum.
    const std::string& name = is.workload->name;
    EXPECT_EQ(has("cublas"), is_floating_point(is.type) && (name == "double" || name == "copy" ||
                                                            name == "dot" || name == "reduce"));
    EXPECT_TRUE(has("thrust"));
    EXPECT_TRUE(has("cub"));
  }
}

TEST_F(CudaModel, RefusesWhatItDoesNotOffer) {
  const Configuration what =
      configuration("double", ElementType::f32, "best", Scope::resident, 100);
  prepare(what);
  const auto refused = [&](auto&& change) {
    Configuration changed = what;
    change(changed);
    EXPECT_THROW(prepare(changed), std::invalid_argument) << changed.name();
    EXPECT_THROW(model_->host_bytes(changed), std::invalid_argument) << changed.name();
  };
  // A workload on arrays that nobody has compiled, though it looks like one.
  Workload planted = *what.workload;
  planted.name = "planted";
  refused([&](Configuration& is) { is.workload = &planted; });
  refused([](Configuration& is) { is.workload = &costs::wait(); });
  refused([](Configuration& is) { is.variant = "single-pass"; });
  refused([](Configuration& is) { is.variant = "atomic"; });
  refused([](Configuration& is) { is.scope = Scope::offload; });
  refused([](Configuration& is) { is.type = ElementType::none; });
  refused([](Configuration& is) {
    is.workload = find_workload("fma1");
    is.type = ElementType::i32;
  });
  refused([](Configuration& is) {
    is.variant = "cublas";
    is.type = ElementType::i64;
  });
  Configuration on_cpus = what;
  on_cpus.device = Devices::cpus();
  EXPECT_THROW(prepare(on_cpus), std::invalid_argument);
  // Even where a table had a line for it.
  const Rung rung = ladder(planted).front();
  planted.array_index = 1000;
  const Device device(0);
  const Stream stream(device);
  EXPECT_THROW(rung.make({stream, planted, ElementType::f32}), std::invalid_argument);
}

TEST_F(CudaModel, OverlapsTransfersInChunks) {
  // 5 MiB and a little: chunks of 1, 2 and 4 MiB are tried; of 2 MiB, two chunks of 1 MiB and the
  // rest.
  const std::uint64_t bytes = (std::uint64_t{kFewThreads ? 2 : 5} << 20) + 24;
  for (const char* workload : {"double", "reduce", "triad", "dot"}) {
    for (const ElementType type : {ElementType::f32, ElementType::i64}) {
      const Configuration what =
          configuration(workload, type, "overlapped", Scope::offload, bytes / size_of(type));
      if (kEmulated && (kSanitized || what.workload->arrays > 1) && type != ElementType::f32)
        continue;
      if (kFewThreads && what.workload->name != "double") continue;
      SCOPED_TRACE(what.name());
      // Chosen by measuring, and then remembered.
      for (int round = 0; round < (kSanitized || what.workload->arrays > 1 ? 1 : 2); ++round) {
        const std::unique_ptr<Operation> operation = prepare(what);
        operation->renew(3);
        operation->time(2);
        operation->time(1);  // of which nothing can come from an operation before
        const Verdict verdict = operation->verify();
        EXPECT_TRUE(verdict.correct) << verdict.note;
      }
    }
  }
}

TEST_F(CudaModel, NoticesAResultThatIsNotTheInputs) {
  for (const char* workload : {"double", "reduce", "copy", "triad", "dot", "fma8"}) {
    for (const Scope scope : {Scope::resident, Scope::kernel, Scope::offload}) {
      for (const Cache cache : {Cache::warm, Cache::cold}) {
        const char* const variant = scope == Scope::offload ? "pinned" : "best";
        Configuration what =
            configuration(workload, ElementType::f32, variant, scope, kFewThreads ? 600 : 5000);
        what.cache = cache;
        SCOPED_TRACE(what.name());
        const std::unique_ptr<Operation> operation = prepare(what);
        operation->renew(1);
        operation->time(1);
        EXPECT_TRUE(operation->verify().correct);
        // New input, old result, or none. (What is to be changed in place is right as it is.)
        operation->renew(2);
        if (what.workload->passes <= what.workload->arrays) {
          EXPECT_FALSE(operation->verify().correct);
        }
        operation->time(1);
        EXPECT_TRUE(operation->verify().correct);
      }
    }
  }
}

TEST_F(CudaModel, ColdCachesGiveEachSetItsOperations) {
  // In place, an input lasts for so many operations, and there are many inputs.
  Configuration what = configuration("double", ElementType::i64, "best", Scope::kernel, 500);
  const std::int64_t one = prepare(what)->operations_left();
  what.cache = Cache::cold;
  const std::unique_ptr<Operation> operation = prepare(what);
  const std::int64_t all = operation->operations_left();
  EXPECT_GE(all, 2 * one);
  EXPECT_EQ(all % one, 0);
  if (kEmulated) {
    // 500 i64 take 4096 bytes, and four times the cache 256 KiB.
    EXPECT_EQ(all / one, 64);
  }
  operation->renew(1);
  operation->time(3);
  EXPECT_EQ(operation->operations_left(), all - 3);
  operation->time(all / one);
  const Verdict verdict = operation->verify();
  EXPECT_TRUE(verdict.correct) << verdict.note;
}

TEST_F(CudaModel, ColdCachesNeedRoomForTheirSets) {
  const std::uint64_t free = Device(0).free_bytes();
  Configuration what =
      configuration("reduce", ElementType::f32, "best", Scope::resident, free / 4 / 2 + 4096);
  what.cache = Cache::cold;  // two sets of a little more than half of the memory
  EXPECT_THROW(prepare(what), Unavailable);
}

TEST_F(CudaModel, SweepsMultiprocessors) {
  const int all = Device(0).properties().multiprocessors;
  ASSERT_EQ(model_->workers({{1}, std::nullopt, {0}}).front().second, std::vector{all});
  const std::vector<int> counts = model_->workers({{1}, std::vector<int>{}, {0}}).front().second;
  EXPECT_EQ(counts.front(), 1);
  EXPECT_EQ(counts.back(), all);
  for (const int count : counts) {
    for (const char* workload : {"double", "reduce", "triad", "dot"}) {
      for (const Scope scope : {Scope::resident, Scope::kernel}) {
        // The same shape for some and for all.
        Configuration what = configuration(workload, ElementType::f32, "spread", scope, 30011);
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
  what.variant = "best";
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
      configuration("reduce", ElementType::i64, "best", Scope::resident, std::uint64_t{1} << 45);
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
  if (kEmulated) {
    // 4 multiprocessors of 128 cores, two operations each in 1 / 1.98 GHz.
    EXPECT_DOUBLE_EQ(gpus[0].at("peak_gflops").at("f32").get<double>(), 2027.52);
    EXPECT_DOUBLE_EQ(gpus[0].at("peak_gflops").at("f64").get<double>(), 1013.76);
  }
  EXPECT_FALSE(model_->facts().empty());
}

}  // namespace
}  // namespace crossover::gpu
