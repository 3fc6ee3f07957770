#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/disturbance.hpp"
#include "common/harness/benchmark_json.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/plan.hpp"

namespace crossover {

/// Hands Google Benchmark what is left of its flags. Throws EarlyExit for one that it does not
/// know.
void initialize_benchmark(std::vector<std::string> flags);

/// One sample as it was measured.
struct Measurement {
  Status status = Status::ok;
  std::string note;
  std::int64_t iterations = 0;
  double time_ns = 0;  ///< mean of one operation
  double error = 0;
  double elapsed_s = 0;  ///< of the operations alone: what the sample's clock covered
  /// What counts for `--min-time`: the same, but with cold caches the time in which they are
  /// emptied as well, which can be a hundred times as long as a small operation.
  double lasted_s = 0;
  /// What the operations took of the run: more or less than elapsed_s where an operation's time is
  /// computed from a part of it (`chase`), or is half of what it does (`link`).
  double passed_s = 0;
  std::vector<std::pair<std::string_view, double>> observed;
};

/// Enough operations of `each_s` seconds to last `least_s`, and a tenth more.
std::int64_t operations_for(double least_s, double each_s);

/// Where samples come from, and the clock that they take their time on.
class Samples {
 public:
  virtual ~Samples() = default;
  /// One sample. `salt` chooses the input. `iterations` is what an earlier sample of this
  /// configuration took, or 0 to calibrate. Measurement::iterations is 0 when it was interrupted.
  virtual Measurement take(const Planned& planned, int round, std::uint32_t salt,
                           std::int64_t iterations) = 0;
  /// Seconds on a clock that only goes forward.
  virtual double now_s() const = 0;
};

/// Takes samples: prepares a configuration, lets Google Benchmark run it, verifies the result and
/// gives everything back, but for what the next sample of the same block and round can use. Nothing
/// of that but the operations is inside the clock.
class Sampler final : public Samples {
 public:
  /// `interrupted` ends a sample early when it becomes true. `benchmark_out` may be null.
  Sampler(const Topology& topology, double min_time_s, const std::atomic<bool>& interrupted,
          BenchmarkJson* benchmark_out = nullptr);
  ~Sampler() override;
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// One sample of at least `min_time_s`, set up outside of it. Throws BenchmarkJsonError.
  Measurement take(const Planned& planned, int round, std::uint32_t salt,
                   std::int64_t iterations) override;
  double now_s() const override;

 private:
  class Reporter;
  Measurement measure(Operation& operation, const Planned& planned, std::uint32_t salt,
                      std::int64_t iterations);

  DisturbanceMeter meter_;
  BlockStore store_;
  double min_time_s_;
  const std::atomic<bool>& interrupted_;
  std::unique_ptr<Reporter> reporter_;
};

}  // namespace crossover
