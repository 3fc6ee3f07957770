#include "common/harness/form_trial.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

namespace crossover {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kTurns = 8;
constexpr double kTurnNs = 1e6;
constexpr double kWorthAnotherTurn = 1.1;
constexpr double kAlike = 1.01;

/// Of `operations` operations, on fresh input wherever they need it.
double ns_of(Operation& operation, std::int64_t operations) {
  Nanoseconds taken{};
  for (std::int64_t left = operations; left > 0;) {
    const std::int64_t some = std::min(left, operation.operations_left());
    if (some > 0) taken += operation.time(some);
    if (some == 0) operation.renew(1);
    left -= some;
  }
  return taken.count() / static_cast<double>(operations);
}

}  // namespace

std::vector<Tried> try_forms(Operation& operation, const std::vector<std::string>& forms,
                             Clock::time_point end, const std::atomic<bool>& interrupted) {
  operation.renew(1);
  // What lies in a cache gets there, and the clock goes up.
  const double first_ns = std::max(ns_of(operation, 1), 1.0);
  const auto operations = static_cast<std::int64_t>(std::clamp(kTurnNs / first_ns, 1.0, 1e6));
  ns_of(operation, operations);
  std::vector<Tried> tried;
  for (const std::string& form : forms) tried.push_back({form, 0});
  for (int turn = 0; turn < kTurns; ++turn) {
    double best = 0;
    for (const Tried& one : tried) {
      if (turn > 0 && (best == 0 || one.ns < best)) best = one.ns;
    }
    for (std::size_t i = 0; i < tried.size(); ++i) {
      // Each turn begins with another form.
      Tried& one = tried[(i + static_cast<std::size_t>(turn)) % tried.size()];
      if (turn > 0 && one.ns > kWorthAnotherTurn * best) continue;
      if (interrupted || (turn + i > 0 && Clock::now() >= end)) {
        return turn == 0 ? std::vector<Tried>() : tried;
      }
      try {
        operation.take_form(one.form);
      } catch (const Unavailable&) {
        one.ns = std::numeric_limits<double>::infinity();
        continue;
      }
      const double ns = ns_of(operation, operations);
      one.ns = turn == 0 ? ns : std::min(one.ns, ns);
    }
    if (turn == 0) std::erase_if(tried, [](const Tried& one) { return std::isinf(one.ns); });
  }
  return tried;
}

std::string best_form(std::span<const Tried> tried) {
  double best = tried.front().ns;
  for (const Tried& one : tried) best = std::min(best, one.ns);
  return std::find_if(tried.begin(), tried.end(),
                      [best](const Tried& one) { return one.ns <= kAlike * best; })
      ->form;
}

nlohmann::ordered_json describe_trial(std::vector<Tried> tried, const Configuration& configuration,
                                      const std::string& chosen) {
  std::stable_sort(tried.begin(), tried.end(),
                   [](const Tried& a, const Tried& b) { return a.ns < b.ns; });
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  double own = 0;
  nlohmann::ordered_json ahead;
  for (const Tried& one : tried) {
    list.push_back({{"form", one.form}, {"gb_per_s", configuration.bytes() / one.ns}});
    if (one.form == chosen) own = one.ns;
  }
  for (const Tried& one : tried) {
    if (one.form != chosen && ahead.is_null()) ahead = one.ns / own;
  }
  return {{"ahead_of_next", ahead}, {"tried", list}};
}

}  // namespace crossover
