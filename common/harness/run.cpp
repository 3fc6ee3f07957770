#include "common/harness/run.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <numeric>
#include <random>

#include "common/harness/record.hpp"

namespace crossover {

namespace {

/// A configuration's identity across runs: its name, and the device, which the name leaves out.
std::string key(const std::string& name, const std::string& device) { return name + '@' + device; }

Row row_for(const Planned& planned, const RunContext& context, int round) {
  const Configuration& what = planned.configuration;
  Row row;
  row.run = context.run_id;
  row.label = context.options.label;
  row.workload = what.workload->name;
  row.type = name(what.type);
  row.elements = what.elements;
  row.bytes = what.bytes();
  row.model = what.model;
  row.variant = what.variant;
  row.scope = name(what.scope);
  row.workers = what.workers;
  row.device = what.device.name();
  row.cache = name(what.cache);
  row.flops = what.flops();
  row.round = round;
  return row;
}

}  // namespace

std::string_view name(End end) {
  switch (end) {
    case End::precise:
      return "every median is as precise as asked";
    case End::rounds:
      return "all rounds done";
    case End::budget:
      return "the time budget is spent";
    case End::interrupted:
      break;
  }
  return "interrupted";
}

std::vector<std::size_t> shuffled_order(std::size_t count, std::uint64_t seed, int round) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(round)};
  std::mt19937 generator(sequence);
  // Fisher-Yates by hand: std::shuffle may differ between libraries, a resumed run must not.
  for (std::size_t i = count; i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<std::size_t>(generator() % i)]);
  }
  return order;
}

Run::Run(RunContext context, const std::vector<Planned>& plan, const std::vector<Row>& earlier,
         Sampler& sampler, RowSink write, Progress& progress)
    : context_(std::move(context)),
      plan_(plan),
      sampler_(sampler),
      write_(std::move(write)),
      progress_(progress),
      results_(plan.size()) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    index.emplace(key(plan[i].configuration.name(), plan[i].configuration.device.name()), i);
  }
  for (const Row& row : earlier) {
    const auto found = index.find(key(row.configuration(), row.device));
    if (found == index.end()) continue;
    if (!done_before_.emplace(found->second, row.round).second) continue;
    add_row(results_[found->second], row);
  }
}

Results Run::results() const {
  const std::lock_guard lock(mutex_);
  return results_;
}

double Run::elapsed_s() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

bool Run::done_before(std::size_t index, int round) const {
  return done_before_.contains({index, round}) || !results_[index].skipped.empty();
}

void Run::take(std::size_t index, int round) {
  const Planned& planned = plan_[index];
  Row row = row_for(planned, context_, round);
  const double before = elapsed_s();
  Measurement sample;
  if (planned.model == nullptr) {
    row.status = Status::skipped;
    row.note = planned.skip;
  } else {
    // The salt changes the input from round to round: a result left over from the last round is
    // wrong in this one.
    sample = sampler_.take(planned, round, static_cast<std::uint32_t>(round) + 1,
                           results_[index].iterations);
    if (sample.iterations == 0 && context_.interrupted) return;
    row.iterations = sample.iterations;
    row.time_ns = sample.time_ns;
    row.error = sample.error;
    row.status = sample.status;
    row.note = sample.note;
    for (const auto& [column, value] : sample.observed) row.extra.emplace_back(column, value);
  }
  row.time = utc_now();
  write_(row);
  in_samples_s_ += sample.elapsed_s;
  const std::lock_guard lock(mutex_);
  add_row(results_[index], row);
  results_[index].sample_s = elapsed_s() - before;
}

bool Run::precise() const {
  return std::all_of(results_.begin(), results_.end(), [&](const Result& result) {
    // What cannot be measured, or never gives a right result, does not hold up the others.
    if (!result.skipped.empty() || (result.times_ns.empty() && result.failed > 0)) return true;
    return !result.times_ns.empty() &&
           median_of(result.times_ns).precision() <= context_.options.precision_percent / 100;
  });
}

double Run::seconds_left(int round, std::size_t position, std::size_t of) const {
  const double budget = context_.options.budget_s - elapsed_s();
  double a_round = 0;
  for (const Result& result : results_) a_round += result.sample_s;
  if (round == 0) return budget;
  const double rounds =
      context_.options.rounds - round - static_cast<double>(position) / static_cast<double>(of);
  return std::min(budget, rounds * a_round);
}

End Run::go() {
  start_ = std::chrono::steady_clock::now();
  for (int round = 0; round < context_.options.rounds; ++round) {
    const std::vector<std::size_t> order = shuffled_order(plan_.size(), context_.seed, round);
    for (std::size_t position = 0; position < order.size(); ++position) {
      const std::size_t index = order[position];
      if (done_before(index, round)) continue;
      if (context_.interrupted) return End::interrupted;
      if (elapsed_s() > context_.options.budget_s) return End::budget;
      progress_.update(round, position, order.size(), seconds_left(round, position, order.size()),
                       plan_[index].configuration.name());
      take(index, round);
      if (context_.interrupted) return End::interrupted;
    }
    rounds_ = round + 1;
    if (precise()) return End::precise;
  }
  return End::rounds;
}

}  // namespace crossover
