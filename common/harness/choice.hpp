#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "common/harness/answers.hpp"

/// How the best of several forms (indices in the plan) is chosen: by halves of the rounds.
namespace crossover {

/// Half of the rounds: the earlier or the later ones, or else the even or the odd ones.
struct Half {
  std::optional<int> cut;  ///< the last round of the earlier half
  bool second = false;

  bool has(const Timed& timed) const {
    return (cut ? timed.round > *cut : timed.round % 2 == 1) == second;
  }
};
using Halves = std::array<Half, 2>;

/// The earlier and the later rounds, cut in the middle of those that all of `forms` have. Forms
/// that were measured at different times, with less than three quarters of their rounds in common,
/// would have no share of one half: even and odd rounds then.
Halves halves_of(const std::vector<std::size_t>& forms, const Results& results);

/// The times of a form in a half of the rounds that count.
Series in_half(std::size_t form, const Results& results, const Half& half);

/// The median of a form in a half of the rounds or in all; of all where the half has none of it.
double median_in(std::size_t form, const Results& results, const std::optional<Half>& half);

/// The fastest of `forms`, at least one, in a half of the rounds or in all.
std::size_t fastest(const std::vector<std::size_t>& forms, const Results& results,
                    const std::optional<Half>& half);

/// Those that were measured, but for those that were given up early, with fewer than half as many
/// rounds as the fastest that has enough for an interval. (Not as whoever has the most: what is
/// precise needs few.)
std::vector<std::size_t> in_play(const std::vector<std::size_t>& forms, const Results& results);

}  // namespace crossover
