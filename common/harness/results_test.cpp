#include "common/harness/results.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossover {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Summary : public testing::Test {
 protected:
  /// A configuration of `count` that took `time_ns` for 1000 increments.
  void add_count(const std::string& model, const std::string& variant, int workers, double time_ns,
                 Scope scope = Scope::resident, const Devices& device = Devices::cpus()) {
    plan_.push_back({{find_workload("count"), ElementType::i64, model, variant, scope, 1000,
                      workers, device, Cache::warm},
                     {},
                     nullptr,
                     {}});
    results_.emplace_back();
    results_.back().times_ns = {time_ns};
  }
  /// A configuration of `reduce` on floats that took `times_ns`.
  void add(const std::string& model, std::uint64_t elements, int workers,
           std::vector<double> times_ns, Scope scope = Scope::resident,
           const Devices& device = Devices::cpus(), Cache cache = Cache::warm) {
    plan_.push_back({{find_workload("reduce"), ElementType::f32, model, "best", scope, elements,
                      workers, device, cache},
                     {},
                     nullptr,
                     {}});
    Result result;
    result.times_ns = std::move(times_ns);
    results_.push_back(result);
  }
  std::string text() { return summarise("the machine", plan_, results_, "serial"); }

  std::vector<Planned> plan_;
  Results results_;
};

TEST_F(Summary, ShowsBestRateSpeedUpAndCrossover) {
  add("serial", 1000, 1, {400, 400, 400});  // 4000 bytes: 10 GB/s
  add("serial", 4000, 1, {1600});
  add("threads", 1000, 2, {800});
  add("threads", 4000, 2, {900, 800, 700});  // median 800: 20 GB/s, twice as fast
  const std::string summary = text();
  EXPECT_THAT(summary, HasSubstr("the machine"));
  EXPECT_THAT(summary, ContainsRegex("serial +10\\.00 .* 1\\.00x"));
  EXPECT_THAT(summary, ContainsRegex("threads +20\\.00 +3\\.91 Ki +2  best +20\\.00 +2\\.00x"));
  // -ln 2 at 1000, +ln 2 at 4000: half way in the logarithm.
  EXPECT_THAT(summary, HasSubstr("1.95 Ki"));
  EXPECT_THAT(summary, HasSubstr("fastest: serial 1000, threads 3.91 Ki"));
}

TEST_F(Summary, TakesTheFastestOfAModelsConfigurations) {
  add("serial", 1000, 1, {400});
  add("threads", 1000, 1, {390});
  add("threads", 1000, 2, {200});
  add("threads", 1000, 4, {300});
  EXPECT_THAT(text(), ContainsRegex("threads +20\\.00 +1000 +2 "));
}

TEST_F(Summary, ComparesAGpuWithTheBestOfAllCpuModels) {
  add("serial", 1000, 1, {400});
  add("threads", 1000, 2, {200});
  add("cuda", 1000, 132, {5000}, Scope::resident, Devices::gpus({0}));
  add("cuda", 1000, 132, {100}, Scope::kernel, Devices::gpus({0}));
  const std::string summary = text();
  EXPECT_THAT(summary,
              HasSubstr("cuda beats the best CPU model from: never in the measured range"));
  EXPECT_THAT(summary, HasSubstr("fastest: threads 1000")) << "a kernel's time is not a caller's";
}

TEST_F(Summary, TellsCostsByScopeAndDevice) {
  add_count("threads", "atomic", 1, 5000);
  add_count("threads", "atomic", 2, 18000);
  add_count("cuda", "atomic", 132, 800, Scope::resident, Devices::gpus({0}));
  add_count("cuda", "atomic", 132, 600, Scope::kernel, Devices::gpus({0}));
  add_count("cuda", "atomic", 60, 900, Scope::resident, Devices::gpus({1}));
  const std::string summary = text();
  EXPECT_THAT(summary, ContainsRegex("threads/atomic +5\\.00 ns +1 +18\\.0 ns +2\n"));
  EXPECT_THAT(summary, ContainsRegex("cuda/atomic gpu0 +0\\.800 ns +132\n"));
  EXPECT_THAT(summary, ContainsRegex("cuda/atomic \\(kernel\\) gpu0 +0\\.600 ns +132\n"));
  EXPECT_THAT(summary, ContainsRegex("cuda/atomic gpu1 +0\\.900 ns +60\n"));
}

TEST_F(Summary, NeverMixesColdWithWarm) {
  add("serial", 1000, 1, {400});
  add("serial", 1000, 1, {800}, Scope::resident, Devices::cpus(), Cache::cold);
  add("threads", 1000, 1, {200}, Scope::resident, Devices::cpus(), Cache::cold);
  const std::string summary = text();
  EXPECT_THAT(summary, ContainsRegex("reduce f32 +best GB/s[^\n]*\nserial +10\\.00[^\n]*\n"));
  EXPECT_THAT(summary, ContainsRegex("reduce f32, cold +best GB/s[^\n]*\nserial +5\\.00[^\n]*\n"
                                     "threads +20\\.00[^\n]*4\\.00x"));
}

TEST_F(Summary, ComparesWithTheBaselineWhateverItsName) {
  add("one", 1000, 1, {400});
  add("two", 1000, 1, {200});
  const std::string summary = summarise("the machine", plan_, results_, "one");
  EXPECT_THAT(summary, HasSubstr("beats one from"));
  EXPECT_THAT(summary, ContainsRegex("two .* 2\\.00x +always"));
}

TEST_F(Summary, CountsWhatIsNotShown) {
  add("serial", 1000, 1, {400, 401});
  results_[0].noisy = 1;
  add("threads", 1000, 1, {});
  results_[1].failed = 3;
  results_[1].failure = "the sum is 1 instead of 2";
  add("openmp", 1000, 1, {});
  results_[2].skipped = "no threads left";
  const std::string summary = text();
  EXPECT_THAT(summary, HasSubstr("5 samples of 3 configurations: 1 noisy, 3 failed"));
  EXPECT_THAT(summary, HasSubstr("failed 3 x reduce, threads: the sum is 1 instead of 2\n"));
  EXPECT_THAT(summary, HasSubstr("openmp: no threads left"));
  EXPECT_THAT(summary, Not(ContainsRegex("threads +[0-9]")));
}

TEST_F(Summary, HasWordsForARunWithoutResults) {
  add("serial", 1000, 1, {});
  EXPECT_THAT(text(), HasSubstr("0 samples of 1 configurations"));
  add("serial", 0, 1, {3});  // the empty size: a time, but no rate
  EXPECT_THAT(text(), HasSubstr("serial"));
}

TEST_F(Summary, WorksWithoutSerial) {
  add("threads", 1000, 2, {200});
  EXPECT_THAT(text(), ContainsRegex("threads +20\\.00"));
}

}  // namespace
}  // namespace crossover
