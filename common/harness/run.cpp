#include "common/harness/run.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <numeric>
#include <random>

#include "common/harness/record.hpp"
#include "common/limits.hpp"

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

/// Where the next sample's number of operations starts from: the last one's; fewer where the last
/// two, of which one may have been disturbed, both took longer than they had to.
std::int64_t iterations_after(const Result& earlier, double min_time_s) {
  if (earlier.samples.size() < 2) return earlier.iterations;
  const double faster_ns =
      std::min(earlier.samples.back().ns, std::prev(earlier.samples.end(), 2)->ns);
  return std::min(earlier.iterations, operations_for(min_time_s, faster_ns * 1e-9));
}

}  // namespace

std::string_view name(End end) {
  switch (end) {
    case End::precise:
      return "every answer is as precise as asked";
    case End::rounds:
      return "all rounds done";
    case End::budget:
      return "the time budget is spent";
    case End::interrupted:
      break;
  }
  return "interrupted";
}

std::vector<std::size_t> shuffled_order(const std::vector<Planned>& plan, std::uint64_t seed,
                                        int round) {
  std::seed_seq sequence{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32),
                         static_cast<std::uint32_t>(round)};
  std::mt19937 generator(sequence);
  // Fisher-Yates by hand: std::shuffle may differ between libraries, a resumed run must not.
  const auto shuffle = [&](std::vector<std::size_t>& all) {
    for (std::size_t i = all.size(); i > 1; --i) {
      std::swap(all[i - 1], all[static_cast<std::size_t>(generator() % i)]);
    }
  };
  // Each value's turn among those that a member of the plan's entries has.
  const auto turns = [&](std::size_t Planned::*member) {
    std::vector<std::size_t> values;
    for (const Planned& planned : plan) values.push_back(planned.*member);
    std::sort(values.begin(), values.end());
    values.erase(std::unique(values.begin(), values.end()), values.end());
    shuffle(values);
    std::map<std::size_t, std::size_t> turn;
    for (const std::size_t value : values) turn.emplace(value, turn.size());
    return turn;
  };
  std::vector<std::size_t> order(plan.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  shuffle(order);
  const auto blocks = turns(&Planned::block);
  const auto data = turns(&Planned::data);
  const auto teams = turns(&Planned::team);
  std::vector<std::array<std::size_t, 3>> turn;
  for (const Planned& planned : plan) {
    turn.push_back({blocks.at(planned.block), data.at(planned.data), teams.at(planned.team)});
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return turn[a] < turn[b]; });
  return order;
}

Run::Run(RunContext context, const std::vector<Planned>& plan, const std::vector<Row>& earlier,
         Samples& samples, RowSink write, Progress& progress)
    : context_(std::move(context)),
      plan_(plan),
      samples_(samples),
      write_(std::move(write)),
      progress_(progress),
      schedule_(plan, context_.options),
      results_(plan.size()),
      start_s_(samples.now_s()) {
  std::map<std::string, std::size_t> index;
  for (std::size_t i = 0; i < plan.size(); ++i) {
    index.emplace(key(plan[i].configuration.name(), plan[i].configuration.device.name()), i);
  }
  for (const Row& row : earlier) {
    const auto found = index.find(key(row.configuration(), row.device));
    if (found == index.end()) continue;
    if (!done_before_.emplace(found->second, row.round).second) continue;
    add_row(results_[found->second], row);
    // Earlier rounds were whole: what they lack had been closed.
    first_round_ = std::max(first_round_, row.round);
  }
}

Results Run::results() const {
  const std::lock_guard lock(mutex_);
  return results_;
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
    sample = samples_.take(planned, round, static_cast<std::uint32_t>(round) + 1,
                           iterations_after(results_[index], context_.options.min_time_s));
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
  in_samples_s_ += sample.passed_s;
  const std::lock_guard lock(mutex_);
  add_row(results_[index], row);
  results_[index].sample_s = elapsed_s() - before;
}

bool Run::go_round(int round, const std::vector<std::size_t>& open) {
  bool all = true;
  std::size_t done = 0;
  for (const std::size_t index : shuffled_order(plan_, context_.seed, round)) {
    if (!std::binary_search(open.begin(), open.end(), index)) continue;
    ++done;
    if (done_before(index, round)) continue;
    if (context_.interrupted) return false;
    const double left_s = seconds_left();
    // No sample outlives the budget, as far as one can know; but there is no run without a sample.
    if (left_s < 0 || (any_taken_ && schedule_.cost(index, results_) > left_s)) {
      all = false;
      continue;
    }
    const int expected = schedule_.expected_rounds(round, results_, left_s);
    progress_.update(round, std::max(expected, round + 1), done, open.size(), left_s,
                     plan_[index].configuration.name());
    take(index, round);
    any_taken_ = true;
  }
  return all && !context_.interrupted;
}

End Run::go() {
  start_s_ = samples_.now_s();
  // What only says why it is not measured, and what no time could measure.
  const std::uint64_t memory = available_memory();
  for (std::size_t i = 0; i < plan_.size(); ++i) {
    const bool fits =
        plan_[i].model != nullptr && plan_[i].model->host_bytes(plan_[i].configuration) <= memory;
    if (!fits && !done_before(i, 0)) take(i, 0);
  }
  for (int round = first_round_; round < context_.options.rounds; ++round) {
    const std::vector<std::size_t> open = schedule_.next(round, results_, seconds_left());
    if (open.empty()) {
      return schedule_.left_out(results_).empty() ? End::precise : End::budget;
    }
    const bool whole = go_round(round, open);
    if (context_.interrupted) return seconds_left() > 0 ? End::interrupted : End::budget;
    if (!whole) return End::budget;
    rounds_ = round + 1;
  }
  return End::rounds;
}

}  // namespace crossover
