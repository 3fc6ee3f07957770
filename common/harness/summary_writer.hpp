#pragma once

#include <optional>
#include <string>
#include <vector>

#include "common/harness/summary.hpp"

namespace crossover {

/// What the summary says of one curve.
struct RateLine {
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

/// Writes a summary: what it has of rates is in summary_rates.cpp, the rest in summary.cpp.
class SummaryWriter {
 public:
  explicit SummaryWriter(const SummaryOf& run) : run_(run), correlations_(run.plan, run.results) {}
  std::string text(Summary length);

 private:
  const Configuration& what(std::size_t index) const { return run_.plan[index].configuration; }
  double correlation(std::size_t index) const { return correlations_.of(what(index).model); }

  Estimate estimate(Rounds series, std::size_t index) const;
  /// As text; how many rounds stand behind what is printed is said at the end.
  std::string printed(const Estimate& estimate, std::string (*number)(double));
  /// `detail` 2: every curve; 1: none of kernels; 0: one line a subject.
  std::vector<std::string> lines(int detail, bool full);

  /// Reasons with the models that they hold for.
  void add_not_measured(std::vector<std::string>& all) const;
  void add_failures(std::vector<std::string>& all) const;
  /// What a unit of a cost takes, by model: the cheapest way on the most workers; with `full` every
  /// way, on the fewest workers and on the most.
  void add_costs(std::vector<std::string>& all, const Arena& arena, bool full);
  /// Of a cost whose units are bytes, by way: the time of the fewest and the rate of the most.
  void add_links(std::vector<std::string>& all, const Arena& arena, int detail, bool full);
  /// Of many ways of one model, such as pairs of cores: the cheapest, the dearest and the median.
  std::string among_many(const Curve& curve, std::vector<std::pair<Estimate, std::string>> ways);
  void add_state(std::vector<std::string>& all) const;

  std::string form_text(const Best& best) const;
  /// "92 % of the memory's peak", where the machine's description has one.
  std::string limit_text(const Configuration& of, double gb_per_s) const;
  std::vector<RateLine> rates_of(const Arena& arena);
  void add_rates(std::vector<std::string>& all, const Arena& arena, int detail, bool full);
  /// Every curve's rate at every size.
  void add_curves(std::vector<std::string>& all, const Arena& arena);

  const SummaryOf& run_;
  Correlations correlations_;
  int fewest_ = 0;
  int most_ = 0;
};

}  // namespace crossover
