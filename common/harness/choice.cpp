#include "common/harness/choice.hpp"

#include <algorithm>
#include <map>

namespace crossover {

Halves halves_of(const std::vector<std::size_t>& forms, const Results& results) {
  std::map<int, std::size_t> having;  // by round
  std::size_t most = 0;
  for (const std::size_t form : forms) {
    const Rounds series = without_pilot(results[form].samples);
    most = std::max(most, series.size());
    for (const Timed& timed : series) ++having[timed.round];
  }
  std::vector<int> common;
  for (const auto& [round, count] : having) {
    if (count == forms.size()) common.push_back(round);
  }
  std::optional<int> cut;
  if (4 * common.size() >= 3 * most) cut = common[(common.size() - 1) / 2];
  return {Half{cut, false}, Half{cut, true}};
}

Series in_half(std::size_t form, const Results& results, const Half& half) {
  Series some;
  for (const Timed& timed : without_pilot(results[form].samples)) {
    if (half.has(timed)) some.push_back(timed);
  }
  return some;
}

double median_in(std::size_t form, const Results& results, const std::optional<Half>& half) {
  const Series some = half ? in_half(form, results, *half) : Series{};
  return middle_of(times(some.empty() ? without_pilot(results[form].samples) : Rounds(some)));
}

std::size_t fastest(const std::vector<std::size_t>& forms, const Results& results,
                    const std::optional<Half>& half) {
  std::vector<double> medians;
  for (const std::size_t form : forms) medians.push_back(median_in(form, results, half));
  return forms[static_cast<std::size_t>(
      std::distance(medians.begin(), std::min_element(medians.begin(), medians.end())))];
}

std::vector<std::size_t> in_play(const std::vector<std::size_t>& forms, const Results& results) {
  const auto rounds = [&](std::size_t form) { return without_pilot(results[form].samples).size(); };
  // Of the leader, or, where none has enough for one, of whoever has the most.
  std::optional<double> least;
  std::size_t wanted = 0;
  for (const std::size_t form : forms) {
    if (rounds(form) >= kFewestRounds) {
      const double median = median_in(form, results, std::nullopt);
      if (least && median >= *least) continue;
      least = median;
      wanted = rounds(form);
    } else if (!least) {
      wanted = std::max(wanted, rounds(form));
    }
  }
  std::vector<std::size_t> some;
  for (const std::size_t form : forms) {
    if (rounds(form) > 0 && 2 * rounds(form) >= wanted) some.push_back(form);
  }
  return some;
}

}  // namespace crossover
