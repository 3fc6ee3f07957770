#pragma once

// A machine that takes no time, for the tests of what a run decides: known times of operations,
// with noise, and known costs of samples, on a clock of its own.

#include <cmath>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/harness/fake_model.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/sampler.hpp"
#include "common/topology.hpp"

namespace crossover {

/// How much measurements scatter: standard deviations of logarithms.
struct Scatter {
  double sample = 0.02;    ///< of each sample
  double round = 0.01;     ///< of a factor that a whole round shares
  double correlation = 0;  ///< of a sample's with that of the round before
};

/// What an operation takes in truth, in ns. Latencies and rates are those of a 16-core Intel Xeon
/// (model 207) with an H100, measured on 2026-11-26 at commit 6ee1c65, drawn with straight lines:
/// a team's latency grows with its workers, its rate until memory is the limit.
inline double true_ns(const Configuration& what) {
  const double n = static_cast<double>(what.elements);
  const double w = what.workers;
  const auto is = [&](const char* model) { return what.model == model; };
  if (!what.workload->on_arrays()) {
    if (is("processes")) return n * (what.workload->name == "create" ? 3e6 / std::sqrt(w) : 24);
    return n * (what.workload->name == "count" ? 3 + w : 3e4);
  }
  const bool sum = what.workload->is_sum;
  if (!what.device.is_cpus()) {
    if (what.scope == Scope::offload) return 2e4 + n * (sum ? 0.0742 : 0.0856);
    const double kernel = (sum ? 3000 : 2200) + n * (sum ? 0.00129 : 0.0027) * 132 / w;
    const double library = what.variant == "library" ? 1.03 : 1;
    return library * (kernel + (what.scope == Scope::resident ? 7500 : 0));
  }
  double latency = 20;
  if (is("threads")) latency = w > 1 ? 450 + 35 * w : 50;
  if (is("openmp")) latency = w > 1 ? 1200 + 240 * w : 380;
  if (is("stdpar")) latency = w > 1 ? 250 * w : 110;
  if (is("processes")) latency = w > 1 ? 550 + 20 * w : 55;
  if (what.variant == "library") latency = 2000 + 800 * w;
  const double each = sum ? 0.34 / w + 0.02 : 0.43 / w + 0.03;
  return latency + n * each * (is("openmp") ? 1.02 : is("processes") ? 1.05 : 1);
}

/// What a sample takes beside its operations, in seconds: set-up, warm-up and verification.
inline double set_up_s(const Configuration& what) {
  const bool on_cpus = what.device.is_cpus();
  return (on_cpus ? 2e-3 + 1e-4 * what.workers : 1e-2) + what.bytes() / (on_cpus ? 8e9 : 2e10) +
         true_ns(what) * 1e-9;
}

class SimulatedSamples final : public Samples {
 public:
  SimulatedSamples(double min_time_s, Scatter scatter, std::uint32_t seed)
      : min_time_s_(min_time_s), scatter_(scatter), generator_(seed) {}

  Measurement take(const Planned& planned, int round, std::uint32_t, std::int64_t) override {
    const Configuration& what = planned.configuration;
    std::normal_distribution<double> normal;
    while (static_cast<int>(rounds_.size()) <= round) {
      rounds_.push_back(scatter_.round * normal(generator_));
    }
    double& last = last_[what.name() + what.device.name()];
    last =
        scatter_.correlation * last + std::sqrt(1 - scatter_.correlation * scatter_.correlation) *
                                          scatter_.sample * normal(generator_);
    Measurement sample;
    sample.time_ns = true_ns(what) * std::exp(last + rounds_[static_cast<std::size_t>(round)]);
    sample.iterations = std::max<std::int64_t>(
        1, static_cast<std::int64_t>(std::ceil(min_time_s_ * 1e9 / sample.time_ns)));
    sample.elapsed_s = sample.time_ns * 1e-9 * static_cast<double>(sample.iterations);
    sample.lasted_s = sample.passed_s = sample.elapsed_s;
    now_s_ += set_up_s(what) + sample.elapsed_s;
    longest_s_ = std::max(longest_s_, set_up_s(what) + sample.elapsed_s);
    return sample;
  }
  double now_s() const override { return now_s_; }
  double longest_s() const { return longest_s_; }

 private:
  double min_time_s_;
  Scatter scatter_;
  std::mt19937 generator_;
  std::vector<double> rounds_;
  std::map<std::string, double> last_;
  double now_s_ = 0;
  double longest_s_ = 0;
};

/// The models of such a machine, with `gpus` of 132 multiprocessors.
inline std::vector<std::unique_ptr<Model>> simulated_models(int gpus) {
  class Simulated final : public Model {
   public:
    Simulated(std::string model, std::vector<Variant> variants, bool costs, int gpu_count)
        : name_(std::move(model)), gpus_(gpu_count) {
      for (const Workload& workload : workloads()) {
        if (!workload.on_arrays() && !costs) continue;
        for (const Variant& variant : variants) {
          offers_.push_back({.workload = &workload,
                             .variant = variant,
                             .make = {},
                             .host_bytes = [](const Configuration&) { return 0; }});
        }
      }
    }
    std::string_view name() const override { return name_; }
    const std::vector<Offer>& offers() const override { return offers_; }
    std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const override {
      if (name_ == "serial") return {{Devices::cpus(), {1}}};
      if (gpus_ == 0) return {{Devices::cpus(), sweeps.threads}};
      std::vector<std::pair<Devices, std::vector<int>>> all;
      for (int gpu = 0; gpu < gpus_; ++gpu) {
        all.emplace_back(Devices::gpus({gpu}),
                         sweeps.sms ? std::vector<int>{1, 2, 4, 8, 16, 32, 64, 128, 132}
                                    : std::vector<int>{132});
      }
      return all;
    }

   private:
    std::string name_;
    int gpus_;
    std::vector<Offer> offers_;
  };
  using Role = Variant::Role;
  std::vector<std::unique_ptr<Model>> models;
  models.push_back(std::make_unique<Simulated>("serial", std::vector<Variant>{{"loop"}}, true, 0));
  models.push_back(std::make_unique<Simulated>("threads", std::vector<Variant>{{"pool"}}, true, 0));
  models.push_back(
      std::make_unique<Simulated>("openmp", std::vector<Variant>{{"static"}}, true, 0));
  models.push_back(std::make_unique<Simulated>(
      "stdpar", std::vector<Variant>{{"slices"}, {"library", Role::library}}, false, 0));
  models.push_back(
      std::make_unique<Simulated>("processes", std::vector<Variant>{{"shm"}}, true, 0));
  if (gpus > 0) {
    models.push_back(std::make_unique<Simulated>(
        "cuda",
        std::vector<Variant>{{"best", Role::best, {Scope::resident, Scope::kernel}},
                             {"library", Role::library, {Scope::resident, Scope::kernel}},
                             {"overlapped", Role::best, {Scope::offload}},
                             {.name = "spread",
                              .role = Role::best,
                              .scopes = {Scope::resident, Scope::kernel},
                              .swept = true}},
        false, gpus));
  }
  return models;
}

}  // namespace crossover
