#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "common/harness/summary_writer.hpp"

namespace crossover {
namespace {

std::string times_faster(double ratio) { return three_digits(ratio) + 'x'; }

}  // namespace

std::string SummaryWriter::form_text(const Best& best) const {
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

std::string SummaryWriter::limit_text(const Configuration& of, double gb_per_s) const {
  if (of.device.gpu_numbers().size() != 1 || of.scope == Scope::offload) return {};
  const auto gpus = run_.machine.find("gpus");
  if (gpus == run_.machine.end() || !gpus->is_array()) return {};
  for (const auto& gpu : *gpus) {
    if (gpu.value("device", std::string()) != of.device.name()) continue;
    const auto peak = gpu.find("peak_gb_per_s");
    if (peak == gpu.end() || !peak->is_number() || peak->get<double>() <= 0) return {};
    return fmt::format("{:.0f} % of its memory's peak", 100 * gb_per_s / peak->get<double>());
  }
  return {};
}

std::vector<RateLine> SummaryWriter::rates_of(const Arena& arena) {
  std::vector<RateLine> all;
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
    RateLine line{.name = curve.name, .form = form_text(*best)};
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
        const bool few = !crossing.wide() && !crossing.elements.has_interval();
        line.ahead =
            fmt::format("ahead of {} from {}{}", contest.b, few ? "about " : "", crossing.text());
        if (!crossing.wide()) {
          line.ahead +=
              fmt::format(" ({})", format_bytes(crossing.elements.value *
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

void SummaryWriter::add_rates(std::vector<std::string>& all, const Arena& arena, int detail,
                              bool full) {
  const std::vector<RateLine> found = rates_of(arena);
  if (found.empty()) return;
  const RateLine* fastest = nullptr;
  for (const RateLine& line : found) {
    if (!line.kernel && (fastest == nullptr || line.rate.value > fastest->rate.value)) {
      fastest = &line;
    }
  }
  std::vector<std::string> tied;
  for (const RateLine& line : found) {
    if (fastest == nullptr || line.kernel || &line == fastest) continue;
    const double alpha = 0.05 / static_cast<double>(found.size() - 1);
    if (!surely_slower(line.series, fastest->series, alpha)) tied.push_back(line.name);
  }
  std::string header = fmt::format("{} at {} ({} an array)", arena.subject.title(),
                                   format_elements(static_cast<double>(arena.chosen)),
                                   format_bytes(static_cast<double>(arena.chosen) *
                                                static_cast<double>(size_of(arena.subject.type))));
  if (fastest != nullptr) {
    header += fmt::format(": fastest is {}", fastest->name);
    if (!tied.empty()) header += fmt::format(", not told from {}", fmt::join(tied, ", "));
  }
  if (detail == 0) {
    if (fastest != nullptr) {
      header += fmt::format(", {} GB/s", printed(fastest->rate, three_digits));
      if (fastest->speed_up) {
        header += fmt::format(", {} one worker", printed(*fastest->speed_up, times_faster));
      }
    }
    all.push_back(header);
    return;
  }
  all.push_back(header);
  for (const RateLine& line : found) {
    if (line.kernel && detail < 2) continue;
    std::vector<std::string> more;
    const bool is_one = line.on_cpu && what(line.index).workers == 1;
    if (line.speed_up && !is_one) {
      more.push_back(printed(*line.speed_up, times_faster) + " one worker");
    }
    if (!line.limit.empty()) more.push_back(line.limit);
    if (!line.ahead.empty()) more.push_back(line.ahead);
    std::string text =
        fmt::format("  {:<15} {:<24} {:<11} {}", line.name,
                    printed(line.rate, three_digits) + " GB/s", line.form, fmt::join(more, "; "));
    while (text.ends_with(' ')) text.pop_back();
    all.push_back(std::move(text));
  }
  if (full) add_curves(all, arena);
}

void SummaryWriter::add_curves(std::vector<std::string>& all, const Arena& arena) {
  for (const Curve& curve : arena.curves) {
    for (const auto& [elements, forms] : curve.forms) {
      const std::optional<Best> best = best_of(forms, run_.results);
      if (!best || elements == 0) continue;
      const Estimate time = estimate(best->series, best->form);
      all.push_back(fmt::format(
          "    {:<20} {:>8} {:<26} {}", curve.name, format_elements(static_cast<double>(elements)),
          printed(time.inverse(what(best->form).bytes()), three_digits) + " GB/s",
          form_text(*best)));
    }
  }
}

}  // namespace crossover
