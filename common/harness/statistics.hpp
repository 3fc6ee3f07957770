#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace crossover {

/// A median with the distribution-free interval that holds the true one with at least 95 %: two
/// order statistics, chosen by the binomial distribution (Conover, Practical Nonparametric
/// Statistics, 3.2). Below six values there is none, and `lower` and `upper` are infinite.
struct Median {
  double value = 0;
  double lower = 0;
  double upper = 0;

  /// Half the interval's width as a share of the median; infinite without an interval.
  double precision() const;
};

/// The median of `values`, which must not be empty.
Median median_of(std::vector<double> values);

/// Where curve A overtakes curve B.
struct Crossover {
  enum class Kind {
    always,         ///< A is faster at every common size
    never,          ///< A is faster at none
    crossover,      ///< A is faster from `elements` on
    not_monotonic,  ///< A was faster somewhere, but not at the largest size
    no_common_sizes,
  };
  Kind kind = Kind::no_common_sizes;
  double elements = 0;
  bool clean = true;  ///< false for a crossover after which A's earlier lead was lost once
};

/// A curve: size in elements and the time of one operation there. Size 0 takes no part.
using Curve = std::vector<std::pair<std::uint64_t, double>>;

/// The size from which `a` beats `b` and stays ahead, interpolated linearly in
/// ln(time b / time a) over ln(size) between the last common size at which `a` is not faster and
/// the next.
Crossover find_crossover(Curve a, Curve b);

/// "always", "23.4 Ki", "23.4 Ki (not monotonic)": the words that the report uses too.
std::string format_crossover(const Crossover& crossover);

/// Three significant digits with a binary unit: 512, 23.4 Ki, 1.20 Mi.
std::string format_elements(double elements);

}  // namespace crossover
