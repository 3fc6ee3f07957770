#include "common/harness/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string_view>

namespace crossover {

double Median::precision() const { return (upper - lower) / 2 / value; }

Median median_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  // The interval between the (k+1)-th smallest and largest misses the true median when at most k of
  // n fair coins fall on one side: the largest k with 2 P(X <= k) <= 5 %.
  double probability = std::pow(0.5, static_cast<double>(n));
  double tail = probability;
  if (2 * tail > 0.05) {
    const double infinity = std::numeric_limits<double>::infinity();
    return {median, -infinity, infinity};
  }
  std::size_t k = 0;
  // For thousands of values 2^-n underflows: the normal approximation then.
  if (probability == 0) {
    const double count = static_cast<double>(n);
    k = static_cast<std::size_t>(std::floor(count / 2 - 0.98 * std::sqrt(count))) - 1;
  } else {
    while (true) {
      probability *= static_cast<double>(n - k) / static_cast<double>(k + 1);
      if (2 * (tail + probability) > 0.05) break;
      tail += probability;
      ++k;
    }
  }
  return {median, values[k], values[n - 1 - k]};
}

Crossover find_crossover(Curve a, Curve b) {
  for (Curve* curve : {&a, &b}) {
    std::sort(curve->begin(), curve->end());
    std::erase_if(*curve, [](const auto& point) { return point.first == 0; });
  }
  struct Point {
    double log_size;
    double lead;  // positive where a is faster
  };
  std::vector<Point> points;
  for (auto i = a.begin(), j = b.begin(); i != a.end() && j != b.end();) {
    if (i->first < j->first) {
      ++i;
    } else if (j->first < i->first) {
      ++j;
    } else {
      points.push_back({std::log(static_cast<double>(i->first)), std::log(j->second / i->second)});
      ++i, ++j;
    }
  }
  using Kind = Crossover::Kind;
  if (points.empty()) return {Kind::no_common_sizes};
  const auto ahead = [](const Point& point) { return point.lead > 0; };
  if (std::all_of(points.begin(), points.end(), ahead)) return {Kind::always};
  if (std::none_of(points.begin(), points.end(), ahead)) return {Kind::never};
  if (!ahead(points.back())) return {Kind::not_monotonic, 0, false};
  const auto last_behind = std::find_if_not(points.rbegin(), points.rend(), ahead);
  const Point& before = *last_behind;
  const Point& after = *(last_behind - 1);
  const double share = -before.lead / (after.lead - before.lead);
  const bool clean = std::none_of(last_behind, points.rend(), ahead);
  return {Kind::crossover, std::exp(before.log_size + (after.log_size - before.log_size) * share),
          clean};
}

std::string format_crossover(const Crossover& crossover) {
  using Kind = Crossover::Kind;
  switch (crossover.kind) {
    case Kind::always:
      return "always";
    case Kind::never:
      return "never in the measured range";
    case Kind::not_monotonic:
      return "not monotonic";
    case Kind::no_common_sizes:
      return "no common sizes";
    case Kind::crossover:
      break;
  }
  return format_elements(crossover.elements) + (crossover.clean ? "" : " (not monotonic)");
}

std::string format_elements(double elements) {
  constexpr std::array<std::string_view, 5> kUnits{"", " Ki", " Mi", " Gi", " Ti"};
  std::size_t unit = 0;
  // What would round to 1024 belongs to the next unit.
  while (unit + 1 < kUnits.size() && elements >= 1023.5) {
    elements /= 1024;
    ++unit;
  }
  if (unit == 0) return fmt::format("{:.0f}", elements);
  const int decimals = elements >= 99.95 ? 0 : elements >= 9.995 ? 1 : 2;
  return fmt::format("{:.{}f}{}", elements, decimals, kUnits[unit]);
}

}  // namespace crossover
