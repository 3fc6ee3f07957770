#include "common/harness/summary.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "common/harness/text.hpp"
#include "common/plural.hpp"

namespace crossover {
namespace {

constexpr std::size_t kMostLines = 30;

/// Three significant digits.
std::string digits(double value) {
  const double size = std::abs(value);
  return fmt::format("{:.{}f}", value, size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/// "60.1 [59.8, 60.4]"; with too few rounds "about 60.1 (3 rounds)".
std::string shown(const Estimate& estimate, std::string (*number)(double)) {
  if (!estimate.has_interval()) {
    return fmt::format("about {} ({})", number(estimate.value), counted(estimate.rounds, "round"));
  }
  return fmt::format("{} [{}, {}]", number(estimate.value), number(estimate.lower),
                     number(estimate.upper));
}

std::string times_faster(double ratio) { return digits(ratio) + 'x'; }

std::string binary_bytes(double bytes) {
  return format_elements(bytes) + (bytes < 1023.5 ? " B" : "B");
}

/// What the summary says of one curve.
struct Line {
  std::string name;
  std::string form;  ///< "pool w:2", with those that cannot be told from it
  Estimate rate{};   ///< GB/s
  std::string limit{};
  std::optional<Estimate> speed_up{};
  std::string ahead{};
  bool kernel = false;
  bool on_cpu = true;
  std::size_t index = 0;
  Series series{};
};

class Writer {
 public:
  explicit Writer(const SummaryOf& run) : run_(run), correlations_(run.plan, run.results) {}

  std::string text(Summary length) {
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

 private:
  const Configuration& what(std::size_t index) const { return run_.plan[index].configuration; }
  double correlation(std::size_t index) const { return correlations_.of(what(index).model); }

  Estimate estimate(const Series& series, std::size_t index) const {
    return median_of(times(series), correlation(index));
  }

  /// As text; how many rounds stand behind what is printed is said at the end.
  std::string printed(const Estimate& estimate, std::string (*number)(double)) {
    fewest_ = fewest_ == 0 ? estimate.rounds : std::min(fewest_, estimate.rounds);
    most_ = std::max(most_, estimate.rounds);
    return shown(estimate, number);
  }

  /// `detail` 2: every curve; 1: none of kernels; 0: one line a subject.
  std::vector<std::string> lines(int detail, bool full) {
    fewest_ = most_ = 0;
    std::vector<std::string> all{run_.machine_line};
    add_not_measured(all);
    add_failures(all);
    for (const Arena& arena : run_.schedule.arenas()) {
      if (arena.is_cost) {
        add_costs(all, arena, full);
      } else {
        add_rates(all, arena, detail, full);
      }
    }
    add_state(all);
    return all;
  }

  /// Reasons with the models that they hold for.
  void add_not_measured(std::vector<std::string>& all) const {
    std::map<std::string, std::set<std::string>> reasons;
    for (std::size_t i = 0; i < run_.results.size(); ++i) {
      if (!run_.results[i].skipped.empty()) {
        reasons[run_.results[i].skipped].insert(what(i).model);
      }
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

  void add_failures(std::vector<std::string>& all) const {
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

  std::string form_text(const Best& best) const {
    const auto one = [&](std::size_t form) {
      return fmt::format("{} w:{}", what(form).variant, what(form).workers);
    };
    std::string text = one(best.form);
    constexpr std::size_t kNamed = 1;
    for (std::size_t i = 0; i < std::min(kNamed, best.tied.size()); ++i) {
      text += " = " + one(best.tied[i]);
    }
    if (best.tied.size() > kNamed) text += fmt::format(" = {} more", best.tied.size() - kNamed);
    return text;
  }

  /// "92 % of the memory's peak", where the machine's description has one.
  std::string limit_text(const Configuration& of, double gb_per_s) const {
    const std::vector<int>& numbers = of.device.gpu_numbers();
    if (numbers.size() != 1 || of.scope == Scope::offload) return {};
    const auto gpus = run_.machine.find("gpus");
    if (gpus == run_.machine.end() || !gpus->is_array()) return {};
    for (const auto& gpu : *gpus) {
      if (gpu.value("index", -1) != numbers.front()) continue;
      const auto peak = gpu.find("peak_gb_per_s");
      if (peak == gpu.end() || !peak->is_number() || peak->get<double>() <= 0) return {};
      return fmt::format("{:.0f} % of its memory's peak", 100 * gb_per_s / peak->get<double>());
    }
    return {};
  }

  std::vector<Line> rates_of(const Arena& arena) {
    std::vector<Line> all;
    std::optional<Best> one;
    if (const auto at = arena.one_worker.find(arena.chosen); at != arena.one_worker.end()) {
      one = best_of(at->second, run_.results);
    }
    for (const Curve& curve : arena.curves) {
      const auto at = curve.forms.find(arena.chosen);
      if (at == curve.forms.end()) continue;
      const std::optional<Best> best = best_of(at->second, run_.results);
      if (!best) continue;
      const Configuration& is = what(best->form);
      Line line{.name = curve.name, .form = form_text(*best)};
      line.rate = estimate(best->series, best->form).inverse(is.bytes());
      line.limit = limit_text(is, line.rate.value);
      line.kernel = curve.scope == Scope::kernel;
      line.on_cpu = curve.device.is_cpus();
      line.index = best->form;
      line.series = best->series;
      if (one) {
        line.speed_up = ratio_of(one->series, best->series,
                                 std::max(correlation(one->form), correlation(best->form)));
      }
      for (const Contest& contest : arena.contests) {
        if (contest.a != curve.name) continue;
        const Crossing crossing = crossing_of(contest, run_.results, correlation(best->form));
        // One size tells no crossover.
        if (crossing.sizes < 2) continue;
        if (crossing.kind == Crossing::Kind::crossover) {
          line.ahead = fmt::format("ahead of {} from {}", contest.b, crossing.text());
          if (!crossing.wide()) {
            line.ahead += fmt::format(
                " ({})", binary_bytes(crossing.elements.value *
                                      static_cast<double>(size_of(arena.subject.type))));
          }
        } else {
          line.ahead = fmt::format("ahead of {}: {}", contest.b, crossing.text());
        }
      }
      all.push_back(std::move(line));
    }
    return all;
  }

  void add_rates(std::vector<std::string>& all, const Arena& arena, int detail, bool full) {
    const std::vector<Line> found = rates_of(arena);
    if (found.empty()) return;
    const Line* fastest = nullptr;
    for (const Line& line : found) {
      if (!line.kernel && (fastest == nullptr || line.rate.value > fastest->rate.value)) {
        fastest = &line;
      }
    }
    std::vector<std::string> tied;
    for (const Line& line : found) {
      if (fastest == nullptr || line.kernel || &line == fastest) continue;
      const double alpha = 0.05 / static_cast<double>(found.size() - 1);
      if (!surely_slower(line.series, fastest->series, alpha)) tied.push_back(line.name);
    }
    std::string header =
        fmt::format("{} at {} ({} an array)", arena.subject.title(),
                    format_elements(static_cast<double>(arena.chosen)),
                    binary_bytes(static_cast<double>(arena.chosen) *
                                 static_cast<double>(size_of(arena.subject.type))));
    if (fastest != nullptr) {
      header += fmt::format(": fastest is {}", fastest->name);
      if (!tied.empty()) header += fmt::format(", not told from {}", fmt::join(tied, ", "));
    }
    if (detail == 0) {
      if (fastest != nullptr) {
        header += fmt::format(", {} GB/s", printed(fastest->rate, digits));
        if (fastest->speed_up) {
          header += fmt::format(", {} one worker", printed(*fastest->speed_up, times_faster));
        }
      }
      all.push_back(header);
      return;
    }
    all.push_back(header);
    for (const Line& line : found) {
      if (line.kernel && detail < 2) continue;
      std::vector<std::string> more;
      const bool is_one = line.on_cpu && what(line.index).workers == 1;
      if (line.speed_up && !is_one) {
        more.push_back(printed(*line.speed_up, times_faster) + " one worker");
      }
      if (!line.limit.empty()) more.push_back(line.limit);
      if (!line.ahead.empty()) more.push_back(line.ahead);
      std::string text =
          fmt::format("  {:<15} {:<24} {:<11} {}", line.name, printed(line.rate, digits) + " GB/s",
                      line.form, fmt::join(more, "; "));
      while (text.ends_with(' ')) text.pop_back();
      all.push_back(std::move(text));
    }
    if (full) add_curves(all, arena);
  }

  /// Every curve's rate at every size.
  void add_curves(std::vector<std::string>& all, const Arena& arena) {
    for (const Curve& curve : arena.curves) {
      for (const auto& [elements, forms] : curve.forms) {
        const std::optional<Best> best = best_of(forms, run_.results);
        if (!best || elements == 0) continue;
        const Estimate time = estimate(best->series, best->form);
        all.push_back(fmt::format("    {:<20} {:>8} {:<26} {}", curve.name,
                                  format_elements(static_cast<double>(elements)),
                                  printed(time.inverse(what(best->form).bytes()), digits) + " GB/s",
                                  form_text(*best)));
      }
    }
  }

  /// What a unit of a cost takes, by model: the cheapest way on the most workers; with `full` every
  /// way, on the fewest workers and on the most.
  void add_costs(std::vector<std::string>& all, const Arena& arena, bool full) {
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
      std::string how;
      for (const auto& [variant, by_workers] : ways) {
        const auto unit = [&](std::size_t form) {
          return estimate(without_pilot(run_.results[form].samples), form)
              .scaled(1 / static_cast<double>(what(form).elements));
        };
        const auto [most, last] = *by_workers.rbegin();
        const Estimate cost = unit(last);
        std::string line = fmt::format("  {:<34}", curve.name + '/' + variant);
        if (by_workers.size() > 1) {
          const auto [few, first] = *by_workers.begin();
          line += fmt::format(" {:<34} w:{:<4}", printed(unit(first), format_time), few);
        }
        every.push_back(line + fmt::format(" {} w:{}", printed(cost, format_time), most));
        if (!least || cost.value < least->value) {
          least = cost;
          how = fmt::format("{}/{} w:{}", curve.name, variant, most);
        }
      }
      if (least) cheapest.push_back(fmt::format("{} {}", how, printed(*least, format_time)));
    }
    if (cheapest.empty()) return;
    if (full) {
      all.push_back(title);
      all.insert(all.end(), every.begin(), every.end());
    } else {
      all.push_back(fmt::format("{}: {}", title, fmt::join(cheapest, "; ")));
    }
  }

  void add_state(std::vector<std::string>& all) const {
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

  const SummaryOf& run_;
  Correlations correlations_;
  int fewest_ = 0;
  int most_ = 0;
};

}  // namespace

std::string summarise(const SummaryOf& run, Summary length) { return Writer(run).text(length); }

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
