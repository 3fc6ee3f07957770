#include "common/model.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace crossover {
namespace {

TEST(Devices, HaveNames) {
  EXPECT_EQ(Devices::cpus().name(), "cpu");
  EXPECT_EQ(Devices::gpus({0}).name(), "gpu0");
  EXPECT_EQ(Devices::gpus({10, 2}).name(), "gpu2+gpu10");
  EXPECT_EQ(Devices::none().name(), "none");
  EXPECT_TRUE(Devices::cpus().is_cpus());
  EXPECT_FALSE(Devices::none().is_cpus());
  EXPECT_FALSE(Devices::gpus({1}).is_cpus());
}

TEST(Configuration, IsNamedByAllThatTellsItApart) {
  Configuration what{find_workload("reduce"), ElementType::f32, "openmp", "static",
                     Scope::resident,         1 << 20,          8,        Devices::cpus()};
  EXPECT_EQ(what.name(), "reduce/f32/openmp/static/resident/n:1048576/w:8");
  what.cache = Cache::cold;
  EXPECT_EQ(what.name(), "reduce/f32/openmp/static/resident/n:1048576/w:8/cold");
}

/// Offers `double` in floating point, and nothing else.
class OnlyDouble final : public Model {
 public:
  std::string_view name() const override { return "only-double"; }
  const std::vector<Offer>& offers() const override { return offers_; }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps&) const override {
    return {{Devices::cpus(), {1}}};
  }

 private:
  std::vector<Offer> offers_{
      {find_workload("double"),
       {"loop"},
       [](const Configuration&, const Placement&) { return std::unique_ptr<Operation>{}; },
       [](const Configuration&) { return std::uint64_t{7}; },
       {ElementType::f32, ElementType::f64}}};
};

TEST(Model, LetsNothingFallThroughToAnotherWorkload) {
  OnlyDouble model;
  Configuration what{
      find_workload("double"), ElementType::f32, "only-double", "loop", Scope::resident, 10, 1,
      Devices::cpus()};
  EXPECT_EQ(model.host_bytes(what), 7U);
  EXPECT_EQ(model.variants(*what.workload, what.type).size(), 1U);

  const auto refused = [&](auto&& change) {
    Configuration other = what;
    change(other);
    EXPECT_THROW(model.prepare(other, {}), std::invalid_argument) << other.name();
    EXPECT_THROW(model.host_bytes(other), std::invalid_argument) << other.name();
  };
  for (const Workload& workload : workloads()) {
    if (&workload == what.workload) continue;
    refused([&](Configuration& other) { other.workload = &workload; });
    for (const ElementType type : workload.types) {
      EXPECT_TRUE(model.variants(workload, type).empty()) << workload.name;
    }
  }
  refused([](Configuration& other) { other.type = ElementType::i32; });
  refused([](Configuration& other) { other.variant = "best"; });
  refused([](Configuration& other) { other.scope = Scope::kernel; });
}

}  // namespace
}  // namespace crossover
