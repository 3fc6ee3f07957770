#include "common/harness/schedule.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>

namespace crossover {
namespace {

// Steps of importance; within one, variants and scopes are told apart (see detail()).
enum Importance {
  kRates = 0,
  kCoarse = 100,    // and 100 more for each halving of the distance between sizes
  kBrackets = 140,  // behind the first halving: three sizes
  kCosts = 150,
  kScaling = 350,  // behind two halvings: five sizes
  kSecondScaling = 500,
  kRest = 2000,
};

constexpr int kLastHalving = 12;
// The pilot and as many rounds as an interval needs.
constexpr int kEnough = kFewestRounds + 1;
constexpr double kErrorRate = 0.05;
// What of the time a round plans with: the rest is between samples, and for surprises.
constexpr double kPlannable = 0.95;

int detail(const Variant::Role role, const Configuration& what, bool fewest) {
  int level = 0;
  if (role == Variant::Role::library) level += 10;
  if (role == Variant::Role::step) level += 20;
  if (what.scope == Scope::offload) level += 2;
  if (what.scope == Scope::kernel) level += 4;
  return level + (fewest ? 1 : 0);
}

/// How often the sizes between the smallest and `chosen` have to be halved (by their number, not by
/// elements) until size number `place` is met: 0 for the chosen one, 1 for the smallest and the
/// middle.
int halvings(std::size_t place, std::size_t chosen) {
  if (place == chosen) return 0;
  if (place == 0) return 1;
  std::size_t low = 0;
  std::size_t high = chosen;
  for (int level = 1;; ++level) {
    const std::size_t middle = low + (high - low) / 2;
    if (place == middle) return level;
    place < middle ? high = middle : low = middle;
  }
}

/// The same at another size.
bool same_form(const Configuration& a, const Configuration& b) {
  return a.model == b.model && a.variant == b.variant && a.workers == b.workers &&
         a.scope == b.scope;
}

}  // namespace

Schedule::Schedule(const std::vector<Planned>& plan, const Options& options)
    : plan_(plan),
      options_(options),
      arenas_(arenas_of(plan, options)),
      costs_(plan, options.min_time_s),
      entries_(plan.size()) {
  for (const Arena& arena : arenas_) {
    for (const Curve& curve : arena.curves) rank_curve(arena, curve);
  }
}

void Schedule::rank_curve(const Arena& arena, const Curve& curve) {
  std::set<std::uint64_t> sizes;
  for (const Curve& other : arena.curves) {
    for (const auto& [elements, forms] : other.forms) sizes.insert(elements);
  }
  const auto place_of = [&](std::uint64_t elements) {
    return static_cast<std::size_t>(std::distance(sizes.begin(), sizes.find(elements)));
  };
  std::map<std::string, std::pair<int, int>> ends;  // by variant: the fewest workers and the most
  for (const auto& [elements, forms] : curve.forms) {
    for (const std::size_t form : forms) {
      const Configuration& what = plan_[form].configuration;
      auto& [few, many] = ends.try_emplace(what.variant, what.workers, what.workers).first->second;
      few = std::min(few, what.workers);
      many = std::max(many, what.workers);
    }
  }
  for (const auto& [elements, forms] : curve.forms) {
    for (const std::size_t form : forms) {
      const Configuration& what = plan_[form].configuration;
      const auto [fewest, most] = ends.at(what.variant);
      Entry& entry = entries_[form];
      const bool at_end = what.workers == fewest || what.workers == most;
      const bool best = plan_[form].role == Variant::Role::best;
      int step = kRest;
      if (arena.is_cost) {
        // What a worker has to do is no size: with more workers it is more.
        const bool sized = !what.workload->per_worker;
        const int level = sized ? halvings(place_of(elements), sizes.size() - 1) : 0;
        step = at_end ? kCosts + kCoarse * std::min(level, kLastHalving) : kRest;
        entry.keep = true;
      } else if (at_end && elements <= arena.chosen) {
        const int level = halvings(place_of(elements), place_of(arena.chosen));
        step = level == 0 ? kRates : kCoarse * std::min(level, kLastHalving);
        // Of a team's curve one worker is the beginning of its scaling: somebody's best single
        // worker is there without it.
        if (fewest != most && what.workers == fewest) step += kScaling;
      } else if (elements == arena.chosen) {
        step = kScaling;
      } else if (elements == arena.second) {
        step = kSecondScaling;
      }
      if (elements == arena.second) step = std::min<int>(step, kSecondScaling);
      if (elements == arena.chosen || elements == arena.second) entry.keep = best;
      entry.team = what.workers == fewest ? Team::fewest
                   : what.workers == most ? Team::all
                                          : Team::between;
      entry.importance =
          step + detail(plan_[form].role, what, what.workers == fewest && fewest != most);
    }
  }
}

bool Schedule::precise(const Result& result) const {
  // What never gives a right result does not hold up the others.
  if (result.samples.empty()) return result.failed > 0;
  return median_of(times(without_pilot(result.samples))).precision() <=
         options_.precision_percent / 100;
}

int Schedule::rounds_needed(std::size_t index, const Results& results, int wanted) const {
  const auto taken = static_cast<int>(results[index].samples.size()) + results[index].failed;
  return std::max(0, std::min(options_.rounds, wanted) - taken);
}

double Schedule::seconds_needed(State state, const Results& results, int wanted) const {
  double seconds = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == state && results[i].skipped.empty()) {
      seconds += cost(i, results) * rounds_needed(i, results, wanted);
    }
  }
  return seconds;
}

void Schedule::give_up_slow_forms(const Arena& arena, const Results& results) {
  const double alpha = kErrorRate / static_cast<double>(entries_.size());
  for (const Curve& curve : arena.curves) {
    for (const auto& [elements, forms] : curve.forms) {
      // One worker and all of them have contests of their own; what lies between is for the curve.
      std::map<Team, std::vector<std::size_t>> teams;
      for (const std::size_t form : forms) teams[entries_[form].team].push_back(form);
      for (const auto& [team, members] : teams) {
        const std::optional<Best> best = best_of(team == Team::between ? forms : members, results);
        if (!best) continue;
        const Rounds leader = without_pilot(results[best->form].samples);
        for (const std::size_t form : members) {
          Entry& entry = entries_[form];
          if (entry.state == State::open && !entry.keep &&
              surely_slower(without_pilot(results[form].samples), leader, alpha)) {
            entry.state = State::closed;
          }
        }
      }
    }
  }
}

void Schedule::close_decided_sizes(const Arena& arena, const Results& results) {
  std::set<std::uint64_t> sizes;
  for (const Curve& curve : arena.curves) {
    for (const auto& [elements, forms] : curve.forms) {
      if (elements != arena.chosen && elements != arena.second) sizes.insert(elements);
    }
  }
  for (const Contest& contest : arena.contests) {
    const Crossing crossing = crossing_of(contest, results, 0);
    for (const auto& [elements, forms] : contest.forms_a) {
      const auto other = contest.forms_b.find(elements);
      if (other == contest.forms_b.end()) continue;
      const std::optional<Best> a = best_of(forms, results);
      const std::optional<Best> b = best_of(other->second, results);
      const double alpha = kErrorRate / static_cast<double>(entries_.size());
      const bool decided = a && b && a->form != b->form &&
                           (surely_slower(a->series, b->series, alpha) ||
                            surely_slower(b->series, a->series, alpha));
      const bool end = crossing.kind == Crossing::Kind::crossover &&
                       (elements == crossing.below || elements == crossing.above);
      if (!decided || end) sizes.erase(elements);
    }
  }
  for (const Curve& curve : arena.curves) {
    for (const auto& [elements, forms] : curve.forms) {
      if (!sizes.contains(elements)) continue;
      for (const std::size_t form : forms) {
        // A point of a curve on the page has an interval.
        if (static_cast<int>(results[form].samples.size()) <= kFewestRounds) continue;
        if (entries_[form].state == State::open) entries_[form].state = State::closed;
      }
    }
  }
}

void Schedule::close(const Results& results, double plannable_s) {
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    Entry& entry = entries_[i];
    const bool enough = rounds_needed(i, results, options_.rounds_wanted) == 0;
    if (!results[i].skipped.empty() ||
        (entry.state == State::open && enough && precise(results[i]))) {
      entry.state = State::closed;
    }
  }
  // While there is time for everything, nothing is given up.
  const double all = seconds_needed(State::open, results, options_.rounds_wanted) +
                     seconds_needed(State::waiting, results, options_.rounds_wanted);
  if (all <= plannable_s) return;
  for (const Arena& arena : arenas_) {
    if (arena.is_cost) continue;
    give_up_slow_forms(arena, results);
    close_decided_sizes(arena, results);
  }
}

void Schedule::shed(const std::vector<std::size_t>& by_importance, const Results& results,
                    double plannable_s) {
  // Rates give up rounds before they are given up; nothing else does.
  for (const bool rates : {false, true}) {
    const int wanted = rates ? kEnough : options_.rounds_wanted;
    double over = seconds_needed(State::open, results, wanted) - plannable_s;
    for (auto i = by_importance.rbegin(); i != by_importance.rend() && over > 0; ++i) {
      Entry& entry = entries_[*i];
      const int needed = rounds_needed(*i, results, wanted);
      if (entry.state != State::open || (entry.importance < kCoarse) != rates || needed == 0) {
        continue;
      }
      over -= cost(*i, results) * needed;
      entry.state = State::waiting;
    }
  }
}

void Schedule::promote_brackets(const Results& results) {
  for (const Arena& arena : arenas_) {
    for (const Contest& contest : arena.contests) {
      const Crossing crossing = crossing_of(contest, results, 0);
      if (crossing.kind != Crossing::Kind::crossover) continue;
      // Of the sizes that nobody has measured, those next to where it seems to be.
      std::vector<std::uint64_t> between;
      for (auto at = contest.forms_a.upper_bound(crossing.below);
           at != contest.forms_a.end() && at->first < crossing.above; ++at) {
        if (contest.forms_b.contains(at->first)) between.push_back(at->first);
      }
      const auto next = std::lower_bound(between.begin(), between.end(), crossing.elements.value);
      if (next != between.end()) promote(contest, *next, crossing, results);
      if (next != between.begin()) promote(contest, *std::prev(next), crossing, results);
    }
  }
}

void Schedule::promote(const Contest& contest, std::uint64_t elements, const Crossing& crossing,
                       const Results& results) {
  for (const Forms* forms : {&contest.forms_a, &contest.forms_b}) {
    for (const std::uint64_t end : {crossing.below, crossing.above}) {
      const std::optional<Best> best = best_of(forms->at(end), results);
      if (!best) continue;
      for (const std::size_t form : forms->at(elements)) {
        if (!same_form(plan_[form].configuration, plan_[best->form].configuration)) continue;
        entries_[form].importance = std::min<int>(entries_[form].importance, kBrackets);
      }
    }
  }
}

std::vector<std::size_t> Schedule::next(int round, const Results& results, double left_s) {
  const double plannable_s = kPlannable * left_s;
  if (std::exchange(first_, false)) {
    // What an interrupted run has begun goes on.
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (!results[i].samples.empty()) entries_[i].state = State::open;
    }
  }
  if (round > 0) {
    close(results, plannable_s);
    promote_brackets(results);
  }
  std::vector<std::size_t> by_importance;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (plan_[i].model != nullptr) by_importance.push_back(i);
  }
  std::stable_sort(by_importance.begin(), by_importance.end(), [&](std::size_t a, std::size_t b) {
    return entries_[a].importance < entries_[b].importance;
  });
  if (round > 0) shed(by_importance, results, plannable_s);

  double spare = plannable_s - seconds_needed(State::open, results, options_.rounds_wanted);
  double spare_for_rates = plannable_s - seconds_needed(State::open, results, kEnough);
  // Too late for an interval: it would be a number that nobody may quote.
  const int most = std::min(options_.rounds, kEnough);
  const bool late = round > 0 && options_.rounds - round < most;
  for (const std::size_t index : by_importance) {
    Entry& entry = entries_[index];
    if (entry.state != State::waiting || late) continue;
    const double needed =
        cost(index, results) * rounds_needed(index, results, options_.rounds_wanted);
    const double at_least = cost(index, results) * rounds_needed(index, results, kEnough);
    const bool rates = entry.importance < kCoarse;
    const bool nothing_yet = round == 0 && index == by_importance.front();
    if (!(rates ? at_least <= spare_for_rates : needed <= spare) && !nothing_yet) continue;
    spare -= needed;
    spare_for_rates -= at_least;
    entry.state = State::open;
  }
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == State::open) open.push_back(i);
  }
  return open;
}

int Schedule::expected_rounds(int round, const Results& results, double left_s) const {
  double a_round = 0;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].state == State::open) a_round += cost(i, results);
  }
  if (a_round <= 0) return round;
  const double more = std::max(0.0, left_s / a_round);
  return static_cast<int>(std::min<double>(options_.rounds, round + more));
}

std::vector<std::size_t> Schedule::left_out(const Results& results) const {
  std::vector<std::size_t> all;
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    const Result& result = results[i];
    if (result.samples.empty() && result.failed == 0 && result.skipped.empty()) all.push_back(i);
  }
  return all;
}

}  // namespace crossover
