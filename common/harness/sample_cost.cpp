#include "common/harness/sample_cost.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

namespace crossover {
namespace {

// First guesses, slower than what a workstation does so that the pilot round fits: bytes a second
// that one operation moves, that are set up (allocated, filled and verified), and what a worker
// and a unit of a cost take.
constexpr double kCpuRate = 8e9;
constexpr double kDeviceRate = 400e9;
constexpr double kLinkRate = 8e9;
constexpr double kSetUpRate = 2e9;
constexpr double kSample = 3e-3;
constexpr double kWorker = 1e-4;

double guess(const Configuration& what, double min_time_s) {
  const double bytes = what.bytes();
  const auto elements = static_cast<double>(what.elements);
  double operation = 0;
  double set_up = bytes;
  if (!what.workload->on_arrays()) {
    operation = elements * what.workload->guess_s;
    set_up = elements * what.workload->unit_bytes;
  } else if (what.scope == Scope::offload) {
    operation = bytes / kLinkRate;
  } else {
    operation = bytes / (what.device.is_cpus() ? kCpuRate : kDeviceRate);
  }
  const double workers = what.device.is_cpus() ? what.workers : 1;
  // Once to warm up, then for as long as a sample lasts.
  return kSample + kWorker * workers + set_up / kSetUpRate + operation +
         std::max(min_time_s, operation);
}

double distance(const Configuration& a, const Configuration& b) {
  const auto apart = [](double x, double y) { return std::abs(std::log2((x + 1) / (y + 1))); };
  return apart(static_cast<double>(a.elements), static_cast<double>(b.elements)) +
         apart(a.workers, b.workers);
}

}  // namespace

SampleCosts::SampleCosts(const std::vector<Planned>& plan, double min_time_s) : plan_(plan) {
  std::map<std::string, std::size_t> groups;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Configuration& what = plan[i].configuration;
    guesses_.push_back(guess(what, min_time_s));
    const std::string key =
        fmt::format("{}/{}/{}/{}/{}/{}", what.workload->name, name(what.type), what.model,
                    what.variant, name(what.scope), name(what.cache));
    const std::size_t group = groups.emplace(key, groups.size()).first->second;
    alike_.resize(groups.size());
    alike_[group].push_back(i);
    group_.push_back(group);
  }
}

double SampleCosts::predict(std::size_t index, const Results& results) const {
  if (results[index].sample_s > 0) return results[index].sample_s;
  double nearest = std::numeric_limits<double>::infinity();
  double off = 1;
  for (const std::size_t other : alike_[group_[index]]) {
    if (results[other].sample_s <= 0) continue;
    const double apart = distance(plan_[index].configuration, plan_[other].configuration);
    if (apart >= nearest) continue;
    nearest = apart;
    off = results[other].sample_s / guesses_[other];
  }
  return guesses_[index] * off;
}

}  // namespace crossover
