#include "common/harness/summary.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/harness/fake_model.hpp"

namespace crossover {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class Summaries : public testing::Test {
 protected:
  Summaries() { options_.quoted_elements = 4096; }

  /// A configuration that took `times_ns` in rounds 1, 2, ...
  Result& add(const std::string& workload, const std::string& model, const std::string& variant,
              std::uint64_t elements, int workers, const std::vector<double>& times_ns,
              Scope scope = Scope::resident, const Devices& device = Devices::cpus(),
              Cache cache = Cache::warm) {
    const Workload* const found = find_workload(workload);
    plan_.push_back({{found, found->types.size() == 1 ? found->types.front() : ElementType::f32,
                      model, variant, scope, elements, workers, device, cache},
                     {},
                     &model_,
                     {}});
    results_.emplace_back();
    int round = 1;
    for (const double ns : times_ns) results_.back().samples.push_back({round++, ns});
    return results_.back();
  }
  /// Seven rounds of nearly the same.
  static std::vector<double> seven(double ns) {
    return {ns, ns * 1.001, ns * 0.999, ns, ns * 1.002, ns * 0.998, ns};
  }
  std::string text(Summary length = Summary::brief) {
    const Schedule schedule(plan_, options_);
    return summarise({"the machine", machine_, plan_, results_, schedule, "run.csv"}, length);
  }

  Options options_;
  FakeModel model_{"fake"};
  nlohmann::ordered_json machine_;
  std::vector<Planned> plan_;
  Results results_;
};

TEST_F(Summaries, SayRateSpeedUpAndCrossoverWithTheirIntervals) {
  add("reduce", "serial", "loop", 1024, 1, seven(409.6));  // 10 GB/s
  add("reduce", "serial", "loop", 4096, 1, seven(1638.4));
  add("reduce", "threads", "pool", 1024, 2, seven(819.2));
  add("reduce", "threads", "pool", 4096, 2, seven(819.2));  // 20 GB/s, twice as fast
  const std::string summary = text();
  EXPECT_THAT(summary, HasSubstr("the machine"));
  EXPECT_THAT(summary,
              HasSubstr("reduce f32 at 4.00 Ki (16.0 KiB an array): fastest is threads\n"));
  EXPECT_THAT(summary, ContainsRegex("serial +10\\.0 \\[9\\.98, 10\\.0\\] GB/s +loop w:1\n"));
  EXPECT_THAT(summary, ContainsRegex("threads +20\\.0 \\[20\\.0, 20\\.0\\] GB/s +pool w:2 +"
                                     "2\\.00x \\[2\\.00x, 2\\.00x\\] one worker; "));
  // 409.6 short of the team at 1024, 819.2 ahead of it at 4096: a third of the way.
  EXPECT_THAT(summary, HasSubstr("ahead of one worker from 2.00 Ki [2.00 Ki, 2.00 Ki] (8.00 KiB)"));
  EXPECT_THAT(summary, HasSubstr("7 rounds behind each number"));
}

TEST_F(Summaries, NameTheSizesAroundACrossoverThatAreFarApart) {
  add("reduce", "serial", "loop", 512, 1, seven(204.8));
  add("reduce", "serial", "loop", 4096, 1, seven(1638.4));
  add("reduce", "threads", "pool", 512, 2, seven(819.2));
  add("reduce", "threads", "pool", 4096, 2, seven(819.2));
  EXPECT_THAT(text(), HasSubstr("ahead of one worker from between 512 and 4.00 Ki\n"));
}

TEST_F(Summaries, PrintNoNumberAsIfItHadEnoughRounds) {
  add("reduce", "serial", "loop", 4096, 1, {1638.4, 1638.4});
  add("reduce", "serial", "loop", 1024, 1, {409.6, 409.6});
  add("reduce", "threads", "pool", 1024, 2, {819.2, 819.2});
  add("reduce", "threads", "pool", 4096, 2, {819.2, 819.2});
  EXPECT_THAT(text(), HasSubstr("about 10.0 (2 rounds) GB/s"));
  EXPECT_THAT(text(), HasSubstr("ahead of one worker from about 2.00 Ki (8.00 KiB)"));
  EXPECT_THAT(text(), HasSubstr("none below 6 rounds"));
}

TEST_F(Summaries, NameWhatCannotBeToldApart) {
  add("reduce", "serial", "loop", 4096, 1, seven(1638.4));
  add("reduce", "threads", "pool", 4096, 2, seven(819.2));
  add("reduce", "threads", "spawn", 4096, 2, seven(819.2));
  add("reduce", "openmp", "static", 4096, 2, seven(819.2));
  EXPECT_THAT(text(), HasSubstr("fastest is threads, not told from openmp\n"));
  EXPECT_THAT(text(), ContainsRegex("(pool w:2 = spawn w:2|spawn w:2 = pool w:2)"));
}

TEST_F(Summaries, CompareADeviceWithTheBestOfTheCpus) {
  machine_ = {{"gpus", {{{"device", "gpu0"}, {"peak_gb_per_s", 400.0}}}}};
  const Devices gpu = Devices::gpus({0});
  for (const std::uint64_t n : {1024, 4096}) {
    const double size = static_cast<double>(n);
    add("reduce", "serial", "loop", n, 1, seven(size));
    add("reduce", "threads", "pool", n, 2, seven(size / 2));
    add("reduce", "cuda", "best", n, 132, seven(1024), Scope::resident, gpu);
    add("reduce", "cuda", "best", n, 132, seven(81.92), Scope::kernel, gpu);
  }
  const std::string summary = text();
  EXPECT_THAT(summary, HasSubstr("ahead of the best CPU form from 2.00 Ki"));
  EXPECT_THAT(summary, HasSubstr("fastest is cuda\n")) << "a kernel's time is not a caller's";
  EXPECT_THAT(summary, ContainsRegex("cuda \\(kernel\\) +200 .*50 % of its memory's peak\n"));
}

TEST_F(Summaries, NeverMixColdWithWarm) {
  add("reduce", "serial", "loop", 4096, 1, seven(1638.4));
  add("reduce", "serial", "loop", 4096, 1, seven(3276.8), Scope::resident, Devices::cpus(),
      Cache::cold);
  EXPECT_THAT(text(), ContainsRegex("reduce f32 at[^\n]*\n +serial +10\\.0 [^\n]*\n"
                                    "reduce f32, cold at[^\n]*\n +serial +5\\.00 "));
}

TEST_F(Summaries, TellCostsAUnit) {
  add("count", "threads", "atomic", 1000, 1, seven(5000));
  add("count", "threads", "atomic", 1000, 2, seven(18000));
  add("count", "threads", "padded", 1000, 2, seven(1000));
  EXPECT_THAT(text(), HasSubstr("count, per increment: threads/padded w:2 1.00 ns [0.998 ns, "));
  const std::string full = text(Summary::full);
  EXPECT_THAT(full, ContainsRegex("threads/atomic +5\\.00 ns [^\n]* w:1 +18\\.0 ns [^\n]* w:2\n"));
  EXPECT_THAT(full, ContainsRegex("threads/padded +1\\.00 ns "));
}

TEST_F(Summaries, TellTheMemoryThatACostLiesIn) {
  add("chase", "serial", "huge-pages", 32, 1, seven(32));
  add("chase", "serial", "huge-pages", 1 << 23, 1, seven((1 << 23) * 100.0));
  EXPECT_THAT(text(), HasSubstr("chase, per load: serial/huge-pages w:1 in 1.00 GiB 100 ns ["));
}

TEST_F(Summaries, TellOfManyPairsTheNearestAndTheFarthest) {
  for (int a = 0; a < 6; ++a) {
    for (int b = a + 1; b < 6; ++b) {
      add("core-to-core", "threads", fmt::format("{}-{}", a, b), 1, 2, seven(100.0 * b + a));
    }
  }
  EXPECT_THAT(text(), HasSubstr("core-to-core, per round trip: threads of 15 ways: 100 ns ["));
  EXPECT_THAT(text(), ContainsRegex("\\(0-1\\) to 504 ns [^\n]*\\(4-5\\), the middle one 401 ns "));
}

TEST_F(Summaries, TellALinksLatencyAndItsRate) {
  add("link", "mpi", "ping-pong", 4, 2, seven(450));
  add("link", "mpi", "ping-pong", 1 << 10, 2, seven(600));
  add("link", "mpi", "ping-pong", 1 << 30, 2, seven((1 << 30) / 16.0));
  add("link", "mpi", "both-ways", 4, 2, {});
  EXPECT_THAT(text(), HasSubstr("link, bytes handed from one memory to another\n"));
  EXPECT_THAT(text(), ContainsRegex("  mpi/ping-pong +4 B takes 450 ns \\[449 ns, 451 ns\\], "
                                    "1.00 GiB goes at 16.0 \\[16.0, 16.0\\] GB/s\n"));
  EXPECT_THAT(text(), Not(HasSubstr("mpi/both-ways")));
  EXPECT_THAT(text(), Not(HasSubstr("per byte")));
}

TEST_F(Summaries, TellACostByWhatAModelStandsFor) {
  add("wait", "threads", "block", 16, 16, seven(1e6));
  add("wait", "threads", "server", 16, 16, seven(1e3));
  plan_.back().role = Variant::Role::step;
  EXPECT_THAT(text(), HasSubstr("wait, per task: threads/block w:16 62.5 us"));
}

TEST_F(Summaries, NameTheVariantOfAModelThatWasMeasuredOtherwise) {
  add("reduce", "threads", "pool", 4096, 1, seven(1638.4));
  add("reduce", "threads", "pool-siblings", 4096, 2, {}).skipped = "no SMT";
  EXPECT_THAT(text(), HasSubstr("not measured: threads/pool-siblings: no SMT\n"));
}

TEST_F(Summaries, SayFirstWhatWasNotMeasured) {
  add("reduce", "serial", "loop", 4096, 1, seven(1638.4));
  add("reduce", "threads", "pool", 4096, 1, {});
  add("reduce", "openmp", "static", 4096, 1, {}).skipped = "no threads left";
  add("reduce", "stdpar", "slices", 4096, 1, {}).failed = 3;
  results_.back().failure = "the sum is 1 instead of 2";
  results_[0].noisy = 7;
  const std::string summary = text();
  EXPECT_THAT(summary, ContainsRegex("^the machine\nnot measured: openmp: no threads left\n"
                                     "left out for want of time: 1 of 4 configurations \\(of "
                                     "threads\\); more with: --resume run.csv --budget SECONDS\n"
                                     "FAILED 3 x reduce, stdpar: the sum is 1 instead of 2\n"));
  EXPECT_THAT(summary, HasSubstr("the machine was busy: 7 of 7 samples disturbed, 3 FAILED"));
}

TEST_F(Summaries, HaveWordsForARunWithoutResults) {
  add("reduce", "serial", "loop", 4096, 1, {});
  EXPECT_THAT(text(), HasSubstr("nothing was measured"));
  add("reduce", "serial", "loop", 0, 1, {3});  // the empty size: a time, but no rate
  EXPECT_THAT(text(), HasSubstr("1 sample disturbed"));
}

TEST_F(Summaries, StayWithinAScreen) {
  for (const char* workload :
       {"double", "reduce", "copy", "triad", "dot", "fma1", "fma2", "fma4"}) {
    for (const char* model : {"serial", "threads", "openmp", "stdpar", "processes", "mpi"}) {
      add(workload, model, "best", 4096, 1, seven(1000));
    }
  }
  const auto lines = [](const std::string& shown) {
    return std::count(shown.begin(), shown.end(), '\n');
  };
  EXPECT_LE(lines(text()), 30);
  EXPECT_THAT(text(), HasSubstr("fma4 f32 at 4.00 Ki"));
  EXPECT_GT(lines(text(Summary::full)), 60);
}

TEST_F(Summaries, DescribeThePlan) {
  add("reduce", "serial", "loop", 1024, 1, seven(400));
  add("reduce", "serial", "loop", 4096, 1, {});
  add("reduce", "serial", "loop", 8192, 1, {});
  add("reduce", "threads", "pool", 4096, 2, {});
  add("reduce", "threads", "pool", 8192, 1, {});
  add("reduce", "threads", "pool", 8192, 2, seven(400));
  add("reduce", "threads", "pool", 8192, 4, {});
  const Schedule schedule(plan_, options_);
  const nlohmann::ordered_json plan =
      describe_plan({"the machine", machine_, plan_, results_, schedule, "run.csv"});
  EXPECT_EQ(plan.at("pilot_rounds"), 1);
  EXPECT_EQ(plan.at("quoted").at(0).at("elements"), 4096);
  EXPECT_EQ(plan.at("left_out").at("configurations"), 5);
  const nlohmann::ordered_json& of = plan.at("left_out").at("of");
  EXPECT_EQ(of.at("reduce/f32/serial/loop/resident/warm/cpu").dump(), R"({"4096":[1],"8192":[1]})");
  EXPECT_EQ(of.at("reduce/f32/threads/pool/resident/warm/cpu").dump(),
            R"({"4096":[2],"8192":[1,4]})");
}

}  // namespace
}  // namespace crossover
