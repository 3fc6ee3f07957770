#include "common/harness/peak.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "common/harness/fake_model.hpp"
#include "common/harness/model_list.hpp"

namespace crossover {
namespace {

class MeasuredPeak : public testing::Test {
 protected:
  MeasuredPeak() {
    options_.workloads = {"double", "fma16"};
    options_.sizes = {100};
    models_.push_back(std::make_unique<FakeModel>("fake"));
  }
  FakeModel& model() { return static_cast<FakeModel&>(*models_[0]); }
  nlohmann::ordered_json cpu() {
    nlohmann::ordered_json machine{{"cpu", {{"cores", 4}}}};
    add_measured_peak(machine, make_plan(options_, models_, topology_), topology_, measure_);
    return machine["cpu"];
  }

  Options options_;
  Topology topology_ = synthetic_topology("node:1 core:4 pu:2");
  Models models_;
  MeasurePeak measure_ = [](ElementType type, const std::vector<int>& cpus) {
    return static_cast<double>(100 * cpus.size() + size_of(type));
  };
};

TEST_F(MeasuredPeak, IsThatOfOneAndOfAllPhysicalCores) {
  EXPECT_EQ(cpu()["measured_peak_gflops"],
            (nlohmann::ordered_json{{"f32", {{"1", 104}, {"4", 404}}},
                                    {"f64", {{"1", 108}, {"4", 408}}}}));
}

TEST_F(MeasuredPeak, IsMeasuredOnOneThreadACore) {
  std::vector<int> most;
  measure_ = [&](ElementType, const std::vector<int>& cpus) {
    most = std::max(most, cpus, [](auto& a, auto& b) { return a.size() < b.size(); });
    return 1.0;
  };
  cpu();
  EXPECT_EQ(most, topology_.place(4, Pin::cores).cpus);
}

TEST_F(MeasuredPeak, IsMeasuredOnlyWhereArithmeticMayBeTheLimit) {
  options_.workloads = {"double", "reduce", "count"};
  EXPECT_FALSE(cpu().contains("measured_peak_gflops"));
}

TEST_F(MeasuredPeak, IsMeasuredOnlyWhereCpusAre) {
  model().behaviour.devices = {Devices::gpus({0})};
  EXPECT_FALSE(cpu().contains("measured_peak_gflops"));
  model().behaviour.devices = {Devices::cpus()};
  model().behaviour.unavailable = "no";
  models_.push_back(std::make_unique<FakeModel>("gpu"));
  static_cast<FakeModel&>(*models_[1]).behaviour.devices = {Devices::gpus({0})};
  EXPECT_FALSE(cpu().contains("measured_peak_gflops"));
}

TEST_F(MeasuredPeak, NeedsSomebodyWhoMeasuresIt) {
  measure_ = {};
  EXPECT_FALSE(cpu().contains("measured_peak_gflops"));
}

}  // namespace
}  // namespace crossover
