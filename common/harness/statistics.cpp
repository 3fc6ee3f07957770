#include "common/harness/statistics.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>
#include <string_view>

namespace crossover {
namespace {

/// How many values of `n` lie outside the interval on each side: the largest k with
/// 2 P(X < k) <= 5 % for n fair coins.
std::size_t outside(std::size_t n) {
  double probability = std::pow(0.5, static_cast<double>(n));
  // For thousands of values 2^-n underflows: the normal approximation then.
  if (probability == 0) {
    const double count = static_cast<double>(n);
    return static_cast<std::size_t>(std::floor(count / 2 - 0.98 * std::sqrt(count))) - 1;
  }
  std::size_t k = 0;
  for (double tail = probability;; ++k) {
    probability *= static_cast<double>(n - k) / static_cast<double>(k + 1);
    if (2 * (tail + probability) > 0.05) return k;
    tail += probability;
  }
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

}  // namespace

bool Estimate::has_interval() const { return std::isfinite(lower) && std::isfinite(upper); }

double Estimate::precision() const { return (upper - lower) / 2 / value; }

Estimate Estimate::scaled(double factor) const {
  return {value * factor, lower * factor, upper * factor, rounds};
}

Estimate Estimate::inverse(double numerator) const {
  if (!has_interval()) return {numerator / value, lower, upper, rounds};
  return {numerator / value, numerator / upper,
          lower > 0 ? numerator / lower : std::numeric_limits<double>::infinity(), rounds};
}

double middle_of(std::vector<double> values) {
  const auto half = static_cast<std::ptrdiff_t>(values.size() / 2);
  const auto middle = values.begin() + half;
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) return *middle;
  return (*std::max_element(values.begin(), middle) + *middle) / 2;
}

Estimate median_of(std::vector<double> values, double correlation) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  const double median = n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
  const int rounds = static_cast<int>(n);
  if (rounds < kFewestRounds) {
    const double infinity = std::numeric_limits<double>::infinity();
    return {median, -infinity, infinity, rounds};
  }
  const std::size_t k = outside(n);
  const double widening = widening_for(correlation, rounds);
  // Times and ratios are positive: drawn apart by their logarithms.
  const auto apart = [&](double bound) { return median * std::pow(bound / median, widening); };
  return {median, apart(values[k]), apart(values[n - 1 - k]), rounds};
}

Rounds without_pilot(Rounds series) {
  const bool pilot = !series.empty() && series.front().round == 0;
  return pilot && static_cast<int>(series.size()) > kFewestRounds ? series.subspan(1) : series;
}

std::vector<double> times(Rounds series) {
  std::vector<double> all;
  for (const Timed& timed : series) all.push_back(timed.ns);
  return all;
}

double neighbour_correlation(Rounds series) {
  if (static_cast<int>(series.size()) < kFewestRounds) return 0;
  std::vector<double> logs;
  for (const Timed& timed : series) logs.push_back(std::log(timed.ns));
  const double mean = mean_of(logs);
  double product = 0;
  double square = 0;
  for (std::size_t i = 0; i < logs.size(); ++i) {
    square += (logs[i] - mean) * (logs[i] - mean);
    if (i > 0) product += (logs[i] - mean) * (logs[i - 1] - mean);
  }
  if (square <= 0) return 0;
  const double n = static_cast<double>(logs.size());
  return (n * product / square + 1) / (n - 3);
}

double widening_for(double correlation, int rounds) {
  if (correlation <= 0.3) return 1;
  const double worth = rounds * (1 - correlation) / (1 + correlation);
  return std::sqrt((rounds - 1) / (std::max(worth, 1.5) - 1));
}

double t_tail(double t, int freedom) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(freedom)));
  const double cosine = std::cos(angle);
  const bool odd = freedom % 2 == 1;
  // The series' terms: cos (odd) or 1 (even), each the one before times (k - 1) / k cos^2.
  double term = odd ? cosine : 1;
  double sum = freedom > 1 ? term : 0;
  for (int k = odd ? 3 : 2; k < freedom - 1; k += 2) {
    term *= (k - 1.0) / k * cosine * cosine;
    sum += term;
  }
  const double inside =
      odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
  return (1 - inside) / 2;
}

bool surely_slower(Rounds slow, Rounds fast, double alpha) {
  std::vector<double> logs;
  for_common_rounds(slow, fast, [&](const Timed& in_slow, const Timed& in_fast) {
    logs.push_back(std::log(in_slow.ns / in_fast.ns));
  });
  const auto n = static_cast<int>(logs.size());
  if (n < 3) return false;
  const double mean = mean_of(logs);
  double square = 0;
  for (const double log : logs) square += (log - mean) * (log - mean);
  const double error = std::sqrt(square / (n - 1) / n);
  if (mean <= 0) return false;
  return error <= 0 || t_tail(mean / error, n - 1) < alpha;
}

std::string three_digits(double number) {
  const double size = std::abs(number);
  // As it is rounded: 9.996 has one digit more than it seems.
  const int decimals = size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3;
  return fmt::format("{:.{}f}", number, decimals);
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
  return three_digits(elements) + std::string(kUnits[unit]);
}

std::string format_bytes(double bytes) {
  return format_elements(bytes) + (bytes < 1023.5 ? " B" : "B");
}

std::string format_time(double ns) {
  constexpr std::array units{"ns", "us", "ms", "s"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && ns >= 999.5; ++unit) ns /= 1000;
  return three_digits(ns) + ' ' + units[unit];
}

}  // namespace crossover
