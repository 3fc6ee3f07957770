#include "common/harness/nodes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/harness/exit_status.hpp"
#include "common/harness/options.hpp"
#include "common/harness/vocabulary.hpp"

namespace crossover {

Nodes::Nodes(Fleet& fleet) : fleet_(fleet) {
  for (const std::string& name : fleet.nodes()) nodes_.push_back({name, false, kDone, {}});
  nodes_.front().ended = true;  // nobody waits for it
}

FleetJson Nodes::plan(const FleetJson& options, const std::vector<std::string>& benchmark_flags,
                      const std::atomic<bool>& interrupted, nlohmann::ordered_json& columns) {
  for (std::size_t node = 1; node < nodes_.size(); ++node) {
    send_message(fleet_, node, {{"options", options}, {"benchmark_flags", benchmark_flags}});
  }
  std::vector<FleetJson> answers(nodes_.size());
  for (std::size_t missing = nodes_.size() - 1; missing > 0;) {
    if (const auto message = fleet_.receive()) {
      answers[message->from] = FleetJson::from_cbor(message->bytes);
      --missing;
    } else if (interrupted) {
      throw EarlyExit{kInterrupted, "interrupted before anything was measured"};
    } else {
      wait_a_little();
    }
  }
  FleetJson descriptions = FleetJson::array({{{"node", self()}}});
  for (std::size_t node = 1; node < nodes_.size(); ++node) {
    const FleetJson& answer = answers[node];
    if (answer.contains("status")) {
      throw EarlyExit{
          answer.at("status").get<int>(),
          fmt::format("node {}: {}", nodes_[node].name, answer.at("text").get<std::string>())};
    }
    descriptions.push_back(answer.at("description"));
    merge_columns(columns, answer.at("columns"));
  }
  merge_columns(columns, nlohmann::ordered_json::array({describe(kNodeColumn)}));
  return descriptions;
}

void Nodes::begin(const FleetJson& record, const std::vector<Row>& earlier, CsvWriter& writer) {
  writer_ = &writer;
  for (const Row& row : earlier) keep(row);
  for (std::size_t node = 1; node < nodes_.size(); ++node) {
    std::vector<Row> its;
    std::copy_if(earlier.begin(), earlier.end(), std::back_inserter(its),
                 [&](const Row& row) { return row.node == nodes_[node].name; });
    send_message(fleet_, node,
                 {{"run", record.at("run")}, {"seed", record.at("seed")}, {"earlier", its}});
  }
}

void Nodes::write(const Row& row) {
  const std::lock_guard lock(mutex_);
  writer_->append(row);
  keep(row);
  collect();
}

void Nodes::wait(const std::atomic<bool>& alone, std::chrono::milliseconds patience) {
  for (auto waited = std::chrono::milliseconds(0);;) {
    if (alone) fleet_.stop();
    {
      const std::lock_guard lock(mutex_);
      if (collect()) return;
    }
    if (waited >= patience) return;
    wait_a_little();
    waited += kALittle;
  }
}

std::string Nodes::trouble() const {
  const std::lock_guard lock(mutex_);
  for (const Node& node : nodes_) {
    if (!node.ended) return fmt::format("node {} has ended or does not answer", node.name);
    if (node.status != kDone && node.status != kInterrupted) {
      return fmt::format("node {}: {}", node.name, node.text);
    }
  }
  return {};
}

bool Nodes::cut_short() const {
  const std::lock_guard lock(mutex_);
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [](const Node& node) { return !node.ended || node.status != kDone; });
}

bool Nodes::wrong() const {
  const std::lock_guard lock(mutex_);
  return wrong_;
}

std::string Nodes::summary() const {
  const std::lock_guard lock(mutex_);
  return times_.summary(fleet_.nodes());
}

/// Takes a row into account that is in the file.
void Nodes::keep(const Row& row) {
  times_.add(row);
  if (row.status == Status::failed) wrong_ = true;
}

/// Writes what has come from the others, and tells whether all have ended.
bool Nodes::collect() {
  while (const auto message = fleet_.receive()) {
    const FleetJson told = FleetJson::from_cbor(message->bytes);
    if (told.contains("row")) {
      const auto row = told.at("row").get<Row>();
      writer_->append(row);
      keep(row);
      continue;
    }
    Node& node = nodes_[message->from];
    node.ended = true;
    node.status = told.at("status").get<int>();
    node.text = told.at("text").get<std::string>();
  }
  return std::all_of(nodes_.begin(), nodes_.end(), [](const Node& node) { return node.ended; });
}

}  // namespace crossover
