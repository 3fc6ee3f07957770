#include "common/harness/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <utility>

namespace crossover {

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
  result.times_ns.push_back(row.time_ns);
  result.iterations = row.iterations;
}

namespace {

/// The fastest way a competitor did one size.
struct Best {
  double time_ns = 0;
  const Configuration* configuration = nullptr;
};

/// One line of the table: a model at a scope on a device, with its fastest time at each size.
struct Competitor {
  std::string name;
  bool on_cpu = true;
  std::map<std::uint64_t, Best> best;

  Curve curve() const {
    Curve points;
    for (const auto& [elements, fastest] : best) points.emplace_back(elements, fastest.time_ns);
    return points;
  }
};

using Table = std::vector<Competitor>;

void offer(std::map<std::uint64_t, Best>& best, const Best& candidate) {
  const auto [at, fresh] = best.emplace(candidate.configuration->elements, candidate);
  if (!fresh && candidate.time_ns < at->second.time_ns) at->second = candidate;
}

double rate(const Best& best) { return best.configuration->bytes() / best.time_ns; }

/// What one table is about.
struct Subject {
  const Workload* workload = nullptr;
  ElementType type = ElementType::none;
  Cache cache = Cache::warm;

  explicit Subject(const Configuration& what)
      : workload(what.workload), type(what.type), cache(what.cache) {}
  bool operator==(const Subject&) const = default;

  std::string title() const {
    return fmt::format("{} {}{}", workload->name, name(type), cache == Cache::cold ? ", cold" : "");
  }
};

/// Gives configurations the names of their lines: "cuda (kernel) gpu1".
class Names {
 public:
  explicit Names(const std::vector<Planned>& plan) {
    for (const Planned& planned : plan) {
      const Configuration& what = planned.configuration;
      devices_[what.model].insert(what.device.name());
    }
  }

  /// `name`, with the scope where it is not the usual one, and with the device where the model has
  /// several.
  std::string qualified(std::string name, const Configuration& what) const {
    if (what.scope != Scope::resident) name += fmt::format(" ({})", crossover::name(what.scope));
    if (devices_.at(what.model).size() > 1) name += ' ' + what.device.name();
    return name;
  }

 private:
  std::map<std::string, std::set<std::string>> devices_;  // by model
};

Table table_of(const std::vector<Planned>& plan, const Results& results, const Names& names,
               const Subject& subject) {
  Table table;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Configuration& what = plan[i].configuration;
    if (!(Subject(what) == subject)) continue;
    const std::string name = names.qualified(what.model, what);
    auto at = std::find_if(table.begin(), table.end(),
                           [&](const Competitor& other) { return other.name == name; });
    if (at == table.end()) at = table.insert(at, {name, what.device.is_cpus(), {}});
    if (!results[i].times_ns.empty()) {
      offer(at->best, {median_of(results[i].times_ns).value, &what});
    }
  }
  // In the plan's order, whichever was measured first.
  std::erase_if(table, [](const Competitor& competitor) { return competitor.best.empty(); });
  return table;
}

/// "serial 1.00 Ki to 2.00 Ki, threads 4.00 Ki to 64.0 Mi": who is fastest at the measured sizes.
std::string leaders(const Table& table) {
  std::map<std::uint64_t, std::pair<double, const Competitor*>> fastest;
  for (const Competitor& competitor : table) {
    for (const auto& [elements, best] : competitor.best) {
      if (elements == 0 || best.configuration->scope == Scope::kernel) continue;
      const auto [at, fresh] = fastest.emplace(elements, std::pair{best.time_ns, &competitor});
      if (!fresh && best.time_ns < at->second.first) at->second = {best.time_ns, &competitor};
    }
  }
  std::string text;
  for (auto run = fastest.begin(); run != fastest.end();) {
    const Competitor* const leader = run->second.second;
    const auto first = run->first;
    auto last = first;
    for (; run != fastest.end() && run->second.second == leader; ++run) last = run->first;
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", leader->name, format_elements(static_cast<double>(first)));
    if (last != first) text += " to " + format_elements(static_cast<double>(last));
  }
  return text;
}

std::string table_text(const Table& table, std::string_view title, std::string_view baseline) {
  const auto base = std::find_if(table.begin(), table.end(),
                                 [&](const Competitor& c) { return c.name == baseline; });
  std::uint64_t largest = 0;
  for (const Competitor& competitor : table) {
    largest = std::max(largest, competitor.best.rbegin()->first);
  }
  std::string text = fmt::format(
      "\n{:<22}{:>11}{:>10}{:>4}  {:<16}{:>11}{:>10}   beats {} from\n", title, "best GB/s",
      "elements", "w", "variant",
      fmt::format("GB/s {}", format_elements(static_cast<double>(largest))), "speed-up", baseline);
  Competitor all_cpus{"the best CPU model", true, {}};
  for (const Competitor& competitor : table) {
    const auto peak = std::max_element(
        competitor.best.begin(), competitor.best.end(),
        [](const auto& a, const auto& b) { return rate(a.second) < rate(b.second); });
    const Configuration& how = *peak->second.configuration;
    std::string at_largest = "-";
    std::string speed_up = "-";
    if (const auto last = competitor.best.find(largest); last != competitor.best.end()) {
      at_largest = fmt::format("{:.2f}", rate(last->second));
      if (base != table.end() && base->best.contains(largest)) {
        speed_up = fmt::format("{:.2f}x", base->best.at(largest).time_ns / last->second.time_ns);
      }
    }
    const bool is_base = base != table.end() && &competitor == &*base;
    text += fmt::format("{:<22}{:>11.2f}{:>10}{:>4}  {:<16}{:>11}{:>10}   {}\n", competitor.name,
                        rate(peak->second), format_elements(static_cast<double>(peak->first)),
                        how.workers, how.variant, at_largest, speed_up,
                        is_base || base == table.end()
                            ? "-"
                            : format_crossover(find_crossover(competitor.curve(), base->curve())));
    if (competitor.on_cpu) {
      for (const auto& [elements, best] : competitor.best) offer(all_cpus.best, best);
    }
  }
  for (const Competitor& competitor : table) {
    if (competitor.on_cpu || all_cpus.best.empty()) continue;
    text += fmt::format("{} beats the best CPU model from: {}\n", competitor.name,
                        format_crossover(find_crossover(competitor.curve(), all_cpus.curve())));
  }
  if (const std::string who = leaders(table); !who.empty() && table.size() > 1) {
    text += fmt::format("fastest: {}\n", who);
  }
  return text;
}

std::string format_time(double ns) {
  constexpr std::array units{"ns", "us", "ms", "s"};
  std::size_t unit = 0;
  for (; unit + 1 < units.size() && ns >= 999.5; ++unit) ns /= 1000;
  return fmt::format("{:#.3g} {}", ns, units[unit]);
}

/// For a workload that moves no data: what a unit of it takes on the fewest workers and on the
/// most.
std::string costs_text(const std::vector<Planned>& plan, const Results& results, const Names& names,
                       const Subject& subject) {
  struct Cost {
    int workers = 0;
    double ns = 0;
  };
  std::vector<std::pair<std::string, std::vector<Cost>>> lines;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    const Configuration& what = plan[i].configuration;
    if (!(Subject(what) == subject) || what.elements == 0 || results[i].times_ns.empty()) continue;
    const std::string name = names.qualified(what.model + '/' + what.variant, what);
    auto at =
        std::find_if(lines.begin(), lines.end(), [&](auto& line) { return line.first == name; });
    if (at == lines.end()) at = lines.insert(at, {name, {}});
    at->second.push_back(
        {what.workers, median_of(results[i].times_ns).value / static_cast<double>(what.elements)});
  }
  if (lines.empty()) return {};
  std::string text =
      fmt::format("\n{:<34}{:>18}{:>6}{:>18}{:>6}\n",
                  fmt::format("{}, time per {}", subject.workload->name, subject.workload->unit),
                  "fewest workers", "w", "most workers", "w");
  for (auto& line : lines) {
    std::vector<Cost>& costs = line.second;
    std::sort(costs.begin(), costs.end(), [](const Cost& a, const Cost& b) {
      return std::pair(a.workers, a.ns) < std::pair(b.workers, b.ns);
    });
    const Cost& fewest = costs.front();
    const Cost& most = *std::find_if(costs.begin(), costs.end(), [&](const Cost& cost) {
      return cost.workers == costs.back().workers;
    });
    text += fmt::format("{:<34}{:>18}{:>6}", line.first, format_time(fewest.ns), fewest.workers);
    if (most.workers != fewest.workers) {
      text += fmt::format("{:>18}{:>6}", format_time(most.ns), most.workers);
    }
    text += '\n';
  }
  return text;
}

}  // namespace

std::string summarise(const std::string& machine_line, const std::vector<Planned>& plan,
                      const Results& results, std::string_view baseline) {
  std::string text = machine_line + '\n';
  const Names names(plan);
  std::vector<Subject> seen;
  for (const Planned& planned : plan) {
    const Subject subject(planned.configuration);
    if (std::find(seen.begin(), seen.end(), subject) != seen.end()) continue;
    seen.push_back(subject);
    if (!subject.workload->moves_data()) {
      text += costs_text(plan, results, names, subject);
      continue;
    }
    const Table table = table_of(plan, results, names, subject);
    if (!table.empty()) text += table_text(table, subject.title(), baseline);
  }
  std::size_t samples = 0;
  int noisy = 0;
  int failed = 0;
  std::map<std::string, int> skipped;
  std::map<std::string, std::pair<int, std::string>> failures;  // by workload and model
  for (std::size_t i = 0; i < results.size(); ++i) {
    samples += results[i].times_ns.size() + static_cast<std::size_t>(results[i].failed);
    noisy += results[i].noisy;
    failed += results[i].failed;
    if (results[i].failed > 0) {
      const Configuration& what = plan[i].configuration;
      auto& [count, why] = failures[what.workload->name + ", " + what.model];
      if (count == 0) why = results[i].failure;
      count += results[i].failed;
    }
    if (!results[i].skipped.empty()) {
      ++skipped[plan[i].configuration.model + ": " + results[i].skipped];
    }
  }
  text += fmt::format("\n{} samples of {} configurations: {} noisy, {} failed\n", samples,
                      results.size(), noisy, failed);
  for (const auto& [what, failure] : failures) {
    text += fmt::format("failed {} x {}: {}\n", failure.first, what, failure.second);
  }
  for (const auto& [reason, count] : skipped) {
    text += fmt::format("skipped {} x {}\n", count, reason);
  }
  return text;
}

}  // namespace crossover
