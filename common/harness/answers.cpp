#include "common/harness/answers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "common/harness/choice.hpp"

namespace crossover {
namespace {

/// The times of the form that each half chose, in the rounds of the other.
Series crossed(const std::vector<std::size_t>& forms, const Results& results) {
  const Halves halves = halves_of(forms, results);
  Series series;
  for (const std::size_t half : {0U, 1U}) {
    const std::size_t form = fastest(forms, results, halves[1 - half]);
    const Series some = in_half(form, results, halves[half]);
    series.insert(series.end(), some.begin(), some.end());
  }
  std::sort(series.begin(), series.end(),
            [](const Timed& a, const Timed& b) { return a.round < b.round; });
  return series;
}

/// A contest at one size: who is faster, by choices made in one half of the rounds or in all.
struct Duel {
  std::uint64_t elements = 0;
  std::size_t a = 0;
  std::size_t b = 0;
  Halves halves{};     // only of choices in one
  bool ahead = false;  // a
};

/// `half` of a size's own rounds: sizes are opened one after the other.
std::vector<Duel> duels(const Contest& contest, const Results& results,
                        std::optional<std::size_t> half) {
  std::vector<Duel> all;
  std::size_t most = 0;
  for (const Forms* const forms : {&contest.forms_a, &contest.forms_b}) {
    for (const auto& [elements, indices] : *forms) {
      for (const std::size_t form : indices) most = std::max(most, results[form].samples.size());
    }
  }
  // A size that was given up after a round or two decides nothing, nor does one at which the two
  // were measured in different rounds.
  const std::size_t enough = std::min<std::size_t>(kFewestRounds, (most + 1) / 2);
  for (const auto& [elements, forms] : contest.forms_a) {
    const auto other = contest.forms_b.find(elements);
    if (elements == 0 || other == contest.forms_b.end()) continue;
    const std::vector<std::size_t> a = in_play(forms, results);
    const std::vector<std::size_t> b = in_play(other->second, results);
    if (a.empty() || b.empty()) continue;
    Duel duel{.elements = elements};
    std::optional<Half> rounds;
    if (half) {
      std::vector<std::size_t> both = a;
      both.insert(both.end(), b.begin(), b.end());
      duel.halves = halves_of(both, results);
      rounds = duel.halves[*half];
    }
    duel.a = fastest(a, results, rounds);
    duel.b = fastest(b, results, rounds);
    if (results[duel.a].samples.size() < enough || results[duel.b].samples.size() < enough)
      continue;
    duel.ahead = median_in(duel.a, results, rounds) < median_in(duel.b, results, rounds);
    all.push_back(duel);
  }
  return all;
}

/// The last duel that a loses before it wins for good, or the end.
std::vector<Duel>::const_iterator last_lost(const std::vector<Duel>& all) {
  if (all.empty() || !all.back().ahead) return all.end();
  for (auto i = all.end() - 1; i != all.begin();) {
    if (!(--i)->ahead) return i;
  }
  return all.end();
}

/// Where two lines meet that have `b` - `a` at the sizes below and above, in elements. Noise may
/// put the meeting outside; far outside says no more than outside.
double meeting(const Duel& below, double lead_below, const Duel& above, double lead_above) {
  const double first = static_cast<double>(below.elements);
  const double width = static_cast<double>(above.elements) - first;
  const double rise = lead_above - lead_below;
  const double share = rise > 0 ? -lead_below / rise : lead_below < 0 ? 2 : -1;
  return std::max(first + width * std::clamp(share, -1.0, 2.0), first / 4);
}

/// The crossing in each round of one half, by the sizes and the forms that the other half chose.
void add_crossings(const std::vector<Duel>& chosen, const Results& results, std::size_t half,
                   std::vector<double>& all) {
  const auto below = last_lost(chosen);
  if (below == chosen.end()) return;
  const auto above = below + 1;
  // Leads are taken within rounds; which round's meet at the two sizes does not matter, and a size
  // that was opened late has later ones.
  const auto leads = [&](const Duel& duel) {
    std::vector<double> found;
    for_common_rounds(in_half(duel.a, results, duel.halves[half]),
                      in_half(duel.b, results, duel.halves[half]),
                      [&](const Timed& a, const Timed& b) { found.push_back(b.ns - a.ns); });
    return found;
  };
  const std::vector<double> first = leads(*below);
  const std::vector<double> second = leads(*above);
  for (std::size_t i = 0; i < std::min(first.size(), second.size()); ++i) {
    all.push_back(meeting(*below, first[i], *above, second[i]));
  }
}

}  // namespace

void add_row(Result& result, const Row& row) {
  switch (row.status) {
    case Status::skipped:
      result.skipped = row.note;
      return;
    case Status::failed:
      if (++result.failed == 1) result.failure = row.note;
      return;
    case Status::noisy:
      ++result.noisy;
      break;
    case Status::ok:
      break;
  }
  result.samples.push_back({row.round, row.time_ns});
  result.iterations = row.iterations;
}

Correlations::Correlations(const std::vector<Planned>& plan, const Results& results) {
  std::map<std::string, std::vector<double>> all;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Rounds series = without_pilot(results[i].samples);
    if (static_cast<int>(series.size()) < kFewestRounds) continue;
    all[plan[i].configuration.model].push_back(neighbour_correlation(series));
  }
  for (const auto& [model, correlations] : all) {
    by_model_[model] = std::accumulate(correlations.begin(), correlations.end(), 0.0) /
                       static_cast<double>(correlations.size());
  }
}

double Correlations::of(const std::string& model) const {
  const auto found = by_model_.find(model);
  return found == by_model_.end() ? 0 : found->second;
}

std::vector<std::string> Correlations::named() const {
  std::vector<std::string> names;
  for (const auto& [model, correlation] : by_model_) {
    if (widening_for(correlation, kFewestRounds) > 1) {
      names.push_back(fmt::format("{} ({:.2f})", model, correlation));
    }
  }
  return names;
}

std::optional<Best> best_of(const std::vector<std::size_t>& forms, const Results& results) {
  const std::vector<std::size_t> candidates = in_play(forms, results);
  if (candidates.empty()) return std::nullopt;
  Best best;
  best.form = fastest(candidates, results, std::nullopt);
  best.series = crossed(candidates, results);
  const Rounds leader = without_pilot(results[best.form].samples);
  for (const std::size_t form : candidates) {
    if (form == best.form) continue;
    const double alpha = 0.05 / static_cast<double>(candidates.size() - 1);
    if (!surely_slower(without_pilot(results[form].samples), leader, alpha))
      best.tied.push_back(form);
  }
  return best;
}

std::optional<Estimate> ratio_of(Rounds b, Rounds a, double correlation) {
  std::vector<double> ratios;
  for_common_rounds(
      a, b, [&](const Timed& in_a, const Timed& in_b) { ratios.push_back(in_b.ns / in_a.ns); });
  if (ratios.empty()) return std::nullopt;
  return median_of(std::move(ratios), correlation);
}

Crossing crossing_of(const Contest& contest, const Results& results, double correlation) {
  using Kind = Crossing::Kind;
  Crossing crossing;
  const std::vector<Duel> all = duels(contest, results, std::nullopt);
  crossing.sizes = static_cast<int>(all.size());
  if (all.empty()) return crossing;
  const auto ahead = [](const Duel& duel) { return duel.ahead; };
  if (std::all_of(all.begin(), all.end(), ahead)) {
    crossing.kind = Kind::always;
  } else if (std::none_of(all.begin(), all.end(), ahead)) {
    crossing.kind = Kind::never;
  } else if (!all.back().ahead) {
    crossing.kind = Kind::not_monotonic;
    crossing.clean = false;
  } else {
    const auto below = last_lost(all);
    crossing.kind = Kind::crossover;
    crossing.below = below->elements;
    crossing.above = (below + 1)->elements;
    crossing.clean = std::none_of(all.begin(), below, ahead);
    std::vector<double> found;
    for (const std::size_t half : {0U, 1U}) {
      add_crossings(duels(contest, results, 1 - half), results, half, found);
    }
    if (found.empty()) {
      const auto lead = [&](const Duel& duel) {
        return median_in(duel.b, results, std::nullopt) - median_in(duel.a, results, std::nullopt);
      };
      found.push_back(meeting(*below, lead(*below), *(below + 1), lead(*(below + 1))));
    }
    crossing.elements = median_of(std::move(found), correlation);
  }
  return crossing;
}

bool Crossing::wide() const {
  return static_cast<double>(above) > kWidestBracket * static_cast<double>(below);
}

std::string Crossing::text() const {
  switch (kind) {
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
  std::string shown = format_elements(elements.value);
  if (wide()) {
    shown = fmt::format("between {} and {}", format_elements(static_cast<double>(below)),
                        format_elements(static_cast<double>(above)));
  } else if (elements.has_interval()) {
    shown +=
        fmt::format(" [{}, {}]", format_elements(elements.lower), format_elements(elements.upper));
  }
  return shown + (clean ? "" : " (not monotonic)");
}

}  // namespace crossover
