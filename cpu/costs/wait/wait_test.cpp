#include "cpu/costs/wait/wait.hpp"

#include <gtest/gtest.h>
#include <time.h>  // NOLINT: clock_gettime is POSIX

#include "cpu/costs/cost_testing.hpp"
#include "cpu/costs/wait/mixed.hpp"

namespace crossover::cpu {
namespace {

TEST(Wait, DoesEveryTaskOnce) {
  for_each_variant("wait", {1, 5}, [](Model& model, Configuration what) {
    for (const std::uint64_t n : {0, 1, 7}) {
      what.elements = n;
      expect_correct(model, what);
    }
    expect_correct(model, what, Pin::none);
  });
}

TEST(Wait, NoticesTasksThatAreNotDone) {
  const Configuration what = configuration("wait", "fault", 8, 4);
  EXPECT_TRUE((passes<WaitOperation<InTurn, Block>>(what)));
  EXPECT_TRUE((passes<WaitOperation<InTurn, Compute>>(what)));
  EXPECT_FALSE((passes<WaitOperation<LostWorker, Block>>(what)));
  EXPECT_FALSE((passes<WaitOperation<TwiceTheFirst, Compute>>(what)));
}

/// Returns before its time.
class TooShort : public Block {
 public:
  using Block::Block;
  std::uint64_t operator()() const { return ++calls_ % 5 == 0 ? 0 : Block::operator()(); }

 private:
  mutable std::uint64_t calls_ = 0;
};

TEST(Wait, NoticesATaskThatIsCutShort) {
  EXPECT_FALSE((passes<WaitOperation<InTurn, TooShort>>(configuration("wait", "fault", 8, 4))));
}

TEST(Wait, BlocksForAMillisecondWhateverTheWorkers) {
  const auto model = make_threads();
  const int workers = 16 * detect_topology().usable_cores();
  const Configuration what =
      configuration("wait", "block", static_cast<std::uint64_t>(workers), workers);
  const auto operation = model->prepare(what, detect_topology().place(workers, Pin::cores));
  operation->renew(1);
  operation->time(2);
  // Workers that wait for one another take as many milliseconds as there are of them, whenever. On
  // a busy machine those that do not may take longer too: one try of many is enough.
  double least = workers;
  for (int i = 0; i < 500 && least > 0.25 * workers; ++i) {
    const double ms = operation->time(1).count() / 1e6;
    EXPECT_GE(ms, 1.0);
    least = std::min(least, ms);
  }
  EXPECT_LE(least, 0.25 * workers);
}

TEST(Wait, TellsTheTailOfSingleTasks) {
  const auto model = make_threads();
  for (const char* const variant : {"block", "compute"}) {
    for (const int tasks : {0, 1, 9, 104}) {
      SCOPED_TRACE(variant);
      const int workers = tasks > 1 ? 4 : 1;
      const Configuration what =
          configuration("wait", variant, static_cast<std::uint64_t>(tasks), workers);
      const auto operation = model->prepare(what, detect_topology().place(workers, Pin::cores));
      operation->renew(1);
      EXPECT_TRUE(operation->observe().values.empty());
      const double took = operation->time(1).count();
      const auto seen = values(operation->observe());
      expect_tail(seen, static_cast<std::uint64_t>(tasks));
      EXPECT_TRUE(operation->observe().values.empty()) << "nothing since the last look";
      if (tasks == 0) continue;
      EXPECT_LE(seen.at("op_max_ns"), took);
      const double least = variant == std::string("block") ? 1e6 : 0.5e6;
      EXPECT_GE(seen.at("op_max_ns"), least);
      if (tasks > 1) {
        EXPECT_GE(seen.at("op_p50_ns"), least);
      }
    }
  }
}

/// Blocks for 1 ms, but 3 ms in every tenth task.
class OftenLate : public Block {
 public:
  using Block::Block;
  std::uint64_t operator()() const {
    if (++calls_ % 10 == 0) sleep_until(now() + 2 * kMillisecond);
    return Block::operator()();
  }

 private:
  mutable std::uint64_t calls_ = 0;
};

TEST(Wait, SeesALateTaskWhereTheMeanDoesNot) {
  WaitOperation<InTurn, OftenLate> operation(configuration("wait", "late", 100, 2), kHere);
  operation.renew(1);
  std::map<std::string, double> seen;
  // A busy machine may be late as well, but not every time.
  for (int i = 0; i < 50 && (seen.empty() || seen.at("op_p50_ns") >= 2e6); ++i) {
    operation.time(1);
    seen = values(operation.observe());
  }
  EXPECT_LT(seen.at("op_p50_ns"), 2e6);
  EXPECT_GE(seen.at("op_p99_ns"), 2.9e6);
  // The second worker's first task could have begun with the call, and waited for all of the first
  // worker's.
  EXPECT_GE(seen.at("op_max_ns"), 60e6);
}

TEST(Work, TakesAsLongAsItSays) {
  const std::uint64_t steps = steps_per_millisecond();
  const auto cpu_time = [] {
    timespec time{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
  };
  // Neighbours on the same core slow it down, or slowed the calibration down: one try of many is
  // enough, for work of another length would have none.
  bool right = false;
  for (int i = 0; i < 50 && !right; ++i) {
    const double start = cpu_time();
    chain(1, 4 * steps);
    const double ms = (cpu_time() - start) / 4;
    right = ms > 0.5 && ms < 2;
  }
  EXPECT_TRUE(right);
  EXPECT_NE(chain(1, 100), chain(1, 99));
}

TEST(Mixed, TellsHowLongFastRequestsTook) {
  const auto model = make_threads();
  for (const int workers : {1, 2}) {
    const Configuration what = configuration("wait", "mixed", 100, workers);
    const auto operation = model->prepare(what, detect_topology().place(workers, Pin::cores));
    operation->renew(1);
    EXPECT_TRUE(operation->observe().values.empty());
    EXPECT_GE(operation->time(1).count(), 99 * requests::kInterval);
    const auto seen = values(operation->observe());
    EXPECT_GE(seen.at("fast_median_ns"), 0.5 * requests::kFast);
    EXPECT_GE(seen.at("fast_p99_ns"), seen.at("fast_median_ns"));
    EXPECT_TRUE(operation->verify().correct);
  }
}

TEST(Sojourns, GiveMedianAndPercentileOfTheFastOnes) {
  std::vector<Sojourn> sojourns;
  EXPECT_TRUE(observe_fast(sojourns).values.empty());
  sojourns.resize(200);
  for (std::size_t i = 0; i < 200; ++i) {
    const bool slow = i % 2 == 0;
    EXPECT_FALSE(all_ended(sojourns));
    sojourns[i] = {slow ? 1'000'000 : static_cast<Instant>(i / 2) + 1, slow};
  }
  EXPECT_TRUE(all_ended(sojourns));
  const auto seen = values(observe_fast(sojourns));
  EXPECT_EQ(seen.at("fast_median_ns"), 50);
  EXPECT_EQ(seen.at("fast_p99_ns"), 99);
  sojourns.emplace_back();
  EXPECT_FALSE(all_ended(sojourns));
}

TEST(Sojourns, CountFromWhenARequestWasDue) {
  // One worker behind a slow request: those that came meanwhile have waited.
  const auto model = make_threads();
  const Configuration what = configuration("wait", "mixed", 10, 1);
  const auto operation = model->prepare(what, detect_topology().place(1, Pin::cores));
  operation->renew(1);
  operation->time(1);
  // Six of the nine fast ones are due at 0.15 to 0.9 ms and served from 1 ms on.
  EXPECT_GE(values(operation->observe()).at("fast_p99_ns"), 5e5);
}

}  // namespace
}  // namespace crossover::cpu
