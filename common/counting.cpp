#include "common/counting.hpp"

#include <fmt/format.h>

#include <cmath>

namespace crossover::counting {

Verdict verify(const Counted& counted, std::uint64_t value, bool may_lose) {
  const std::uint64_t expected = counted.operations * counted.elements;
  const std::uint64_t seen = value - counted.first;  // huge when the counter went backwards
  if (seen == expected) return {0, true, {}};
  const double error = std::abs(static_cast<double>(seen) - static_cast<double>(expected)) /
                       static_cast<double>(expected);
  const std::uint64_t least = counted.elements == 0 ? 0 : counted.operations;
  if (may_lose && seen < expected && seen >= least) return {error, true, {}};
  return {error, false,
          fmt::format("the counter rose by {} instead of {}", static_cast<std::int64_t>(seen),
                      expected)};
}

}  // namespace crossover::counting
