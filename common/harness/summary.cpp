#include "common/harness/summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "common/harness/summary_writer.hpp"
#include "common/harness/text.hpp"
#include "common/plural.hpp"

namespace crossover {
namespace {

/// "4.00 KiB": what the units of a cost lie in.
std::string memory(const Configuration& what) {
  return format_bytes(static_cast<double>(what.elements) * what.workload->unit_bytes);
}

constexpr std::size_t kMostLines = 30;
// So many ways of one model are no ladder, of which the cheapest is the answer.
constexpr std::size_t kManyWays = 12;

/// "60.1 [59.8, 60.4]"; with too few rounds "about 60.1 (3 rounds)".
std::string shown(const Estimate& estimate, std::string (*number)(double)) {
  if (!estimate.has_interval()) {
    return fmt::format("about {} ({})", number(estimate.value), counted(estimate.rounds, "round"));
  }
  return fmt::format("{} [{}, {}]", number(estimate.value), number(estimate.lower),
                     number(estimate.upper));
}

}  // namespace

std::string SummaryWriter::text(Summary length) {
  if (length == Summary::full) return fmt::format("{}\n", fmt::join(lines(2, true), "\n"));
  for (int detail = 2; detail >= 0; --detail) {
    const std::vector<std::string> some = lines(detail, false);
    if (some.size() <= kMostLines) return fmt::format("{}\n", fmt::join(some, "\n"));
  }
  std::vector<std::string> some = lines(0, false);
  const std::size_t over = some.size() - kMostLines + 1;
  some.resize(kMostLines - 1);
  some.push_back(fmt::format("... and {}: --summary full", counted(over, "more line")));
  return fmt::format("{}\n", fmt::join(some, "\n"));
}

Estimate SummaryWriter::estimate(Rounds series, std::size_t index) const {
  return median_of(times(series), correlation(index));
}

std::string SummaryWriter::printed(const Estimate& estimate, std::string (*number)(double)) {
  fewest_ = fewest_ == 0 ? estimate.rounds : std::min(fewest_, estimate.rounds);
  most_ = std::max(most_, estimate.rounds);
  return shown(estimate, number);
}

std::vector<std::string> SummaryWriter::lines(int detail, bool full) {
  fewest_ = most_ = 0;
  std::vector<std::string> all{run_.machine_line};
  add_not_measured(all);
  add_failures(all);
  for (const Arena& arena : run_.schedule.arenas()) {
    if (arena.is_cost && arena.subject.workload->counts_bytes()) {
      add_links(all, arena, detail, full);
    } else if (arena.is_cost) {
      add_costs(all, arena, full);
    } else {
      add_rates(all, arena, detail, full);
    }
  }
  add_state(all);
  return all;
}

void SummaryWriter::add_not_measured(std::vector<std::string>& all) const {
  std::set<std::string> measured;
  for (std::size_t i = 0; i < run_.results.size(); ++i) {
    if (!run_.results[i].samples.empty()) measured.insert(what(i).model);
  }
  std::map<std::string, std::set<std::string>> reasons;
  for (std::size_t i = 0; i < run_.results.size(); ++i) {
    if (run_.results[i].skipped.empty()) continue;
    const std::string& model = what(i).model;
    reasons[run_.results[i].skipped].insert(measured.contains(model) ? model + '/' + what(i).variant
                                                                     : model);
  }
  for (const auto& [reason, models] : reasons) {
    all.push_back(fmt::format("not measured: {}: {}", fmt::join(models, ", "), reason));
  }
  const std::vector<std::size_t> left = run_.schedule.left_out(run_.results);
  if (left.empty()) return;
  std::set<std::string> models;
  for (const std::size_t index : left) models.insert(what(index).model);
  all.push_back(fmt::format(
      "left out for want of time: {} of {} (of {}); more with: --resume {} --budget SECONDS",
      left.size(), counted(run_.results.size(), "configuration"), fmt::join(models, ", "),
      run_.csv));
}

void SummaryWriter::add_failures(std::vector<std::string>& all) const {
  std::map<std::string, std::pair<int, std::string>> failures;  // by workload and model
  for (std::size_t i = 0; i < run_.results.size(); ++i) {
    if (run_.results[i].failed == 0) continue;
    auto& [count, why] = failures[what(i).workload->name + ", " + what(i).model];
    if (count == 0) why = run_.results[i].failure;
    count += run_.results[i].failed;
  }
  for (const auto& [of, failure] : failures) {
    all.push_back(fmt::format("FAILED {} x {}: {}", failure.first, of, failure.second));
  }
}

void SummaryWriter::add_costs(std::vector<std::string>& all, const Arena& arena, bool full) {
  const std::string title =
      fmt::format("{}, per {}", arena.subject.workload->name, arena.subject.workload->unit);
  std::vector<std::string> cheapest;
  std::vector<std::string> every;
  for (const Curve& curve : arena.curves) {
    std::map<std::string, std::map<int, std::size_t>> ways;  // by variant and workers
    for (const auto& [elements, forms] : curve.forms) {
      for (const std::size_t form : forms) {
        if (elements > 0 && !run_.results[form].samples.empty()) {
          ways[what(form).variant][what(form).workers] = form;
        }
      }
    }
    std::optional<Estimate> least;
    std::tuple<bool, bool, double> least_rank;
    std::string how;
    std::vector<std::pair<Estimate, std::string>> each;
    for (const auto& [variant, by_workers] : ways) {
      const auto unit = [&](std::size_t form) {
        return estimate(without_pilot(run_.results[form].samples), form)
            .scaled(1 / static_cast<double>(what(form).elements));
      };
      const auto [most, last] = *by_workers.rbegin();
      const Estimate cost = unit(last);
      each.emplace_back(cost, variant);
      if (full) {
        std::string line = fmt::format("  {:<34}", curve.name + '/' + variant);
        if (by_workers.size() > 1) {
          const auto [few, first] = *by_workers.begin();
          line += fmt::format(" {:<34} w:{:<4}", printed(unit(first), format_time), few);
        }
        every.push_back(line + fmt::format(" {} w:{}", printed(cost, format_time), most));
      }
      // What a model stands for comes before its other ways (a server's requests are no tasks of a
      // millisecond), and what was opened late may be told by too few rounds.
      const std::tuple rank(run_.plan[last].role == Variant::Role::step, !cost.has_interval(),
                            cost.value);
      if (!least || rank < least_rank) {
        least = cost;
        least_rank = rank;
        how = fmt::format("{}/{} w:{}", curve.name, variant, most);
        if (arena.subject.workload->unit_bytes > 0) how += " in " + memory(what(last));
      }
    }
    if (each.size() > kManyWays && !full) {
      cheapest.push_back(among_many(curve, std::move(each)));
    } else if (least && !full) {
      cheapest.push_back(fmt::format("{} {}", how, printed(*least, format_time)));
    }
  }
  if (!cheapest.empty()) all.push_back(fmt::format("{}: {}", title, fmt::join(cheapest, "; ")));
  if (every.empty()) return;
  all.push_back(title);
  all.insert(all.end(), every.begin(), every.end());
}

std::string SummaryWriter::among_many(const Curve& curve,
                                      std::vector<std::pair<Estimate, std::string>> ways) {
  std::sort(ways.begin(), ways.end(),
            [](const auto& a, const auto& b) { return a.first.value < b.first.value; });
  const auto& [nearest, first] = ways.front();
  const auto& [farthest, last] = ways.back();
  return fmt::format("{} of {}: {} ({}) to {} ({}), the middle one {}", curve.name,
                     counted(ways.size(), "way"), printed(nearest, format_time), first,
                     printed(farthest, format_time), last,
                     printed(ways[ways.size() / 2].first, format_time));
}

void SummaryWriter::add_links(std::vector<std::string>& all, const Arena& arena, int detail,
                              bool full) {
  const auto time = [&](std::size_t form) {
    return estimate(without_pilot(run_.results[form].samples), form);
  };
  std::vector<std::pair<std::string, std::string>> found;
  std::size_t longest = 0;
  for (const Curve& curve : arena.curves) {
    if (curve.scope == Scope::kernel && !full) continue;
    std::map<std::string, std::map<std::uint64_t, std::size_t>> ways;  // by variant and size
    for (const auto& [bytes, forms] : curve.forms) {
      for (const std::size_t form : forms) {
        if (bytes > 0 && !run_.results[form].samples.empty()) {
          ways[what(form).variant][bytes] = form;
        }
      }
    }
    for (const auto& [variant, by_size] : ways) {
      const auto [few, first] = *by_size.begin();
      const auto [many, last] = *by_size.rbegin();
      if (detail < 2 && !full && run_.plan[last].role == Variant::Role::step) continue;
      const Estimate rate = time(last).inverse(static_cast<double>(many));
      found.emplace_back(
          curve.name + '/' + variant,
          fmt::format("{} takes {}, {} goes at {} GB/s", format_bytes(static_cast<double>(few)),
                      printed(time(first), format_time), format_bytes(static_cast<double>(many)),
                      printed(rate, three_digits)));
      longest = std::max(longest, found.back().first.size());
    }
  }
  if (found.empty()) return;
  if (detail == 0) {
    all.push_back(fmt::format("{}: {}, see --summary full", arena.subject.workload->name,
                              counted(found.size(), "way")));
    return;
  }
  all.push_back(
      fmt::format("{}, {}", arena.subject.workload->name, arena.subject.workload->summary));
  for (const auto& [name, told] : found) {
    all.push_back(fmt::format("  {:<{}} {}", name, longest, told));
  }
}

void SummaryWriter::add_state(std::vector<std::string>& all) const {
  std::size_t samples = 0;
  std::size_t noisy = 0;
  int failed = 0;
  for (const Result& result : run_.results) {
    samples += result.samples.size();
    noisy += static_cast<std::size_t>(result.noisy);
    failed += result.failed;
  }
  std::string text = samples == 0 ? "nothing was measured"
                                  : fmt::format("the machine was {}: {} of {} disturbed",
                                                4 * noisy > samples ? "busy"
                                                : noisy == 0        ? "quiet"
                                                                    : "nearly quiet",
                                                noisy, counted(samples, "sample"));
  if (failed > 0) text += fmt::format(", {} FAILED", failed);
  const std::vector<std::string> alike = correlations_.named();
  if (!alike.empty()) {
    text += fmt::format("; neighbouring rounds correlate, which widens the intervals of {}",
                        fmt::join(alike, ", "));
  }
  all.push_back(std::move(text));
  if (most_ == 0) return;
  all.push_back(fmt::format(
      "{} behind each number, [..] its 95 % interval{}",
      fewest_ == most_ ? counted(most_, "round") : fmt::format("{} to {} rounds", fewest_, most_),
      fewest_ < kFewestRounds ? fmt::format(" (none below {} rounds)", kFewestRounds) : ""));
}

std::string summarise(const SummaryOf& run, Summary length) {
  return SummaryWriter(run).text(length);
}

nlohmann::ordered_json describe_plan(const SummaryOf& run) {
  nlohmann::ordered_json quoted = nlohmann::ordered_json::array();
  for (const Arena& arena : run.schedule.arenas()) {
    if (arena.is_cost || arena.chosen == 0) continue;
    quoted.push_back({{"workload", arena.subject.workload->name},
                      {"type", name(arena.subject.type)},
                      {"cache", name(arena.subject.cache)},
                      {"elements", arena.chosen}});
  }
  // By what they have in common, then by elements: a large plan leaves out thousands.
  std::map<std::string, std::map<std::uint64_t, std::set<int>>> left;
  const std::vector<std::size_t> left_out = run.schedule.left_out(run.results);
  for (const std::size_t index : left_out) {
    const Configuration& what = run.plan[index].configuration;
    left[fmt::format("{}/{}/{}/{}/{}/{}/{}", what.workload->name, name(what.type), what.model,
                     what.variant, name(what.scope), name(what.cache), what.device.name())]
        [what.elements]
            .insert(what.workers);
  }
  nlohmann::ordered_json groups = nlohmann::ordered_json::object();
  for (const auto& [group, sizes] : left) {
    for (const auto& [elements, workers] : sizes) groups[group][std::to_string(elements)] = workers;
  }
  return {{"pilot_rounds", 1},
          {"quoted", quoted},
          {"configurations", run.plan.size()},
          {"left_out", {{"configurations", left_out.size()}, {"of", groups}}}};
}

}  // namespace crossover
