#include "common/harness/sampler.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <new>
#include <system_error>
#include <utility>

#include "common/harness/exit_status.hpp"
#include "common/harness/options.hpp"
#include "common/limits.hpp"
#include "common/plural.hpp"

namespace crossover {

/// Takes what Google Benchmark reports after each benchmark, and hands it on under the
/// configuration's own name.
class Sampler::Reporter final : public benchmark::BenchmarkReporter {
 public:
  explicit Reporter(BenchmarkJson* out) : out_(out) {}

  bool ReportContext(const Context& context) override {
    if (out_ != nullptr) out_->begin(context);
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.run_type != Run::RT_Iteration) continue;
      iterations = run.iterations;
      seconds = run.real_accumulated_time;
      const Run before = std::exchange(sample_, run);
      sample_.iterations += before.iterations;
      sample_.real_accumulated_time += before.real_accumulated_time;
      sample_.cpu_accumulated_time += before.cpu_accumulated_time;
    }
  }

  /// What is reported from now on belongs to this sample.
  void begin(std::string of, int in_round) {
    name = std::move(of);
    round_ = in_round;
    sample_ = Run();
    sample_.iterations = 0;
  }

  void write() {
    if (out_ == nullptr) return;
    sample_.run_name = benchmark::BenchmarkName();
    sample_.run_name.function_name = name;
    sample_.repetition_index = round_;
    out_->add(sample_);
  }

  std::string name;
  std::int64_t iterations = 0;  ///< reported last
  double seconds = 0;

 private:
  BenchmarkJson* out_;
  int round_ = 0;
  Run sample_;  // all that was reported of it
};

void initialize_benchmark(std::vector<std::string> flags) {
  static char program[] = "crossover";  // the library keeps this pointer
  std::vector<char*> arguments{program};
  for (std::string& flag : flags) arguments.push_back(flag.data());
  arguments.push_back(nullptr);
  int count = static_cast<int>(flags.size()) + 1;
  // It ends the program where it cannot open its files: as long as there are descriptors.
  benchmark::CPUInfo::Get();
  benchmark::Initialize(&count, arguments.data());
  if (count > 1) {
    throw EarlyExit{kUsage, fmt::format("{}: Google Benchmark has no such flag; its user guide "
                                        "lists those that it has",
                                        arguments[1])};
  }
}

Sampler::Sampler(const Topology& topology, double min_time_s, const std::atomic<bool>& interrupted,
                 BenchmarkJson* benchmark_out)
    : meter_(topology),
      min_time_s_(min_time_s),
      interrupted_(interrupted),
      reporter_(std::make_unique<Reporter>(benchmark_out)) {}

Sampler::~Sampler() = default;

double Sampler::now_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

namespace {

constexpr double kWarmUpSeconds = 0.001;
// Data that has just been written has to settle in the caches, or around them: until so many
// operations have gone over it, for so long at most. (In the last-level cache of a Xeon, 480 MiB
// shared with others, 64 MiB took 10 to 50 ms and were read 30 % slower before.)
constexpr int kSettlingOperations = 16;
constexpr double kSettlingSeconds = 0.05;
// Data that takes an operation so long has no cache to settle in: after one operation the others
// are alike.
constexpr double kLongSeconds = 0.01;
// And where data has settled, an operation of so long needs no warm-up: that a team, which has just
// come together, has to wake up again is less than a hundredth of it.
constexpr double kNoWarmUpSeconds = 0.002;
constexpr std::int64_t kLargestWarmUpBatch = 1 << 20;
// More than an hour of the shortest operations: what takes no time is no operation.
constexpr std::int64_t kMostIterations = 10'000'000'000'000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Operations until caches, clocks and sleeping workers are as they will be in the sample. Returns
/// the seconds that the last of them took, what is outside their clock included.
double warm_up(Operation& operation, std::uint32_t salt, bool data_is_new) {
  const Clock::time_point start = Clock::now();
  double each = 0;
  std::int64_t batch = 1;
  std::int64_t done = 0;
  const auto settled = [&] {
    return done >= kSettlingOperations || each >= kLongSeconds ||
           seconds_since(start) >= kSettlingSeconds;
  };
  while (seconds_since(start) < kWarmUpSeconds || (data_is_new && !settled())) {
    if (operation.operations_left() == 0) operation.renew(salt);
    batch = std::min(batch, operation.operations_left());
    const Clock::time_point before = Clock::now();
    operation.time(batch);
    each = seconds_since(before) / static_cast<double>(batch);
    done += batch;
    if (each * static_cast<double>(batch) < kWarmUpSeconds) {
      batch = std::min(2 * batch, kLargestWarmUpBatch);
    }
  }
  return each;
}

/// Puts `more` of the same sample to it. Of its notes the first stays.
void add(Measurement& sample, Measurement more) {
  sample.iterations += more.iterations;
  sample.elapsed_s += more.elapsed_s;
  sample.lasted_s += more.lasted_s;
  sample.passed_s += more.passed_s;
  sample.time_ns = sample.elapsed_s * 1e9 / static_cast<double>(sample.iterations);
  if (sample.note.empty()) sample.note = std::move(more.note);
  if (!sample.note.empty()) sample.status = Status::noisy;
}

}  // namespace

std::int64_t operations_for(double least_s, double each_s) {
  return static_cast<std::int64_t>(std::ceil(1.1 * least_s / std::max(each_s, 1e-9)));
}

Measurement Sampler::take(const Planned& planned, int round, std::uint32_t salt,
                          std::int64_t iterations) {
  const auto ended = [](Status status, std::string note) {
    Measurement none;
    none.status = status;
    none.note = std::move(note);
    return none;
  };
  // Memory is placed anew in each round. To ask how much there is takes a third of a millisecond.
  const std::uint64_t needed = planned.model->host_bytes(planned.configuration);
  const BlockStore::Held held = store_.enter(planned.block, round, planned.team, needed);
  const std::uint64_t available = needed > held.bytes ? available_memory() + held.bytes : needed;
  if (needed > available) {
    return ended(
        Status::skipped,
        fmt::format("needs {:.1f} MiB of memory, {:.1f} MiB are available",
                    static_cast<double>(needed) / 0x1p20, static_cast<double>(available) / 0x1p20));
  }
  try {
    Placement placement = planned.placement;
    placement.store = &store_;
    const std::unique_ptr<Operation> operation =
        planned.model->prepare(planned.configuration, placement);
    operation->renew(salt);
    const bool is_long =
        iterations > 0 && min_time_s_ / static_cast<double>(iterations) >= kNoWarmUpSeconds;
    // Processes of their own meet every page of handed-on memory for the first time.
    const bool settles = planned.configuration.workload->on_arrays() &&
                         (!held.settled || !operation->processes().empty());
    const double each_s = is_long && !settles ? 0 : warm_up(*operation, salt, settles);
    operation->observe();
    if (iterations == 0) iterations = operations_for(min_time_s_, each_s);
    reporter_->begin(planned.configuration.name(), round);
    Measurement sample = measure(*operation, planned, salt, iterations);
    // Faster than the warm-up, or than an earlier round: it goes on for what is missing, at most
    // ten times as many operations at once.
    while (sample.iterations > 0 && sample.iterations < kMostIterations &&
           sample.lasted_s < min_time_s_ && !interrupted_) {
      const double each = sample.lasted_s / static_cast<double>(sample.iterations);
      const std::int64_t missing = operations_for(min_time_s_ - sample.lasted_s, each);
      Measurement more =
          measure(*operation, planned, salt, std::min(missing, 10 * sample.iterations));
      if (more.iterations == 0) return more;
      add(sample, std::move(more));
    }
    if (sample.iterations == 0) return sample;
    reporter_->write();
    Observation seen = operation->observe();
    const Verdict verdict = operation->verify();
    sample.error = verdict.error;
    sample.observed = std::move(seen.values);
    if (!verdict.correct) {
      sample.status = Status::failed;
      sample.note = verdict.note;
    } else if (!seen.disturbed.empty()) {
      sample.status = Status::noisy;
      sample.note = seen.disturbed + (sample.note.empty() ? "" : "; " + sample.note);
    }
    return sample;
  } catch (const Unavailable& reason) {
    return ended(Status::skipped, reason.what());
  } catch (const std::bad_alloc&) {
    return ended(Status::skipped, fmt::format("the system refused {:.1f} MiB",
                                              static_cast<double>(needed) / 0x1p20));
  } catch (const BenchmarkJsonError&) {
    throw;
  } catch (const std::system_error& error) {
    return ended(Status::skipped, fmt::format("the system refused: {}", error.what()));
  } catch (const std::exception& error) {
    Measurement failed = ended(Status::failed, error.what());
    failed.error = std::nan("");
    return failed;
  }
}

Measurement Sampler::measure(Operation& operation, const Planned& planned, std::uint32_t salt,
                             std::int64_t iterations) {
  Disturbance disturbance;
  const std::vector<int> processes = operation.processes();
  Clock::time_point start;
  double passed_s = 0;
  const auto body = [&](benchmark::State& state) {
    meter_.start(processes);
    start = Clock::now();
    for (std::int64_t left = state.max_iterations; left > 0 && !interrupted_;) {
      if (operation.operations_left() == 0) operation.renew(salt);
      const std::int64_t batch = std::min(left, operation.operations_left());
      if (!state.KeepRunningBatch(batch)) break;
      state.SetIterationTime(operation.time(batch).count() * 1e-9);
      left -= batch;
    }
    passed_s = seconds_since(start);
    disturbance = meter_.stop();
    if (interrupted_) {
      state.SkipWithError("interrupted");
    } else {
      // Ends Google Benchmark's own loop, which has run for max_iterations by now.
      state.KeepRunningBatch(1);
    }
  };
  reporter_->iterations = 0;
  benchmark::ClearRegisteredBenchmarks();
  benchmark::RegisterBenchmark(reporter_->name.c_str(), body)
      ->UseManualTime()
      ->Repetitions(1)
      ->Iterations(iterations);
  benchmark::RunSpecifiedBenchmarks(reporter_.get(), "all");

  Measurement sample;
  if (interrupted_ || reporter_->iterations == 0) return sample;
  sample.iterations = reporter_->iterations;
  sample.elapsed_s = reporter_->seconds;
  const bool cold = planned.configuration.cache == Cache::cold;
  sample.lasted_s = cold ? passed_s : sample.elapsed_s;
  sample.passed_s = cold ? sample.elapsed_s : passed_s;
  sample.time_ns = sample.elapsed_s * 1e9 / static_cast<double>(sample.iterations);
  // A GPU's multiprocessors are no threads of this machine.
  const bool on_cpus = planned.configuration.device.is_cpus();
  sample.note = disturbance.reason(on_cpus ? planned.configuration.workers : 1);
  if (planned.placement.oversubscribed && !planned.configuration.workload->oversubscribes) {
    sample.note = fmt::format("{} on {}{}{}", counted(planned.configuration.workers, "worker"),
                              counted(planned.placement.allowed.size(), "CPU"),
                              sample.note.empty() ? "" : "; ", sample.note);
  }
  if (!sample.note.empty()) sample.status = Status::noisy;
  return sample;
}

}  // namespace crossover
