#pragma once

#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <vector>

#include "common/fleet.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/fleet_messages.hpp"
#include "common/harness/node_times.hpp"

namespace crossover {

/// A fleet's nodes as node 0 sees them, and the way of all their rows into the file. Throws
/// std::system_error when a row cannot be written.
class Nodes {
 public:
  explicit Nodes(Fleet& fleet);

  /// This node's name.
  const std::string& self() const { return nodes_.front().name; }

  /// Lets the others plan what a run's `options` ask for. Adds the columns that they need to
  /// `columns` (as in the vocabulary) and returns for the run's record a list of all nodes: {node: its name, machine:
  /// describe_machine(), but for this node, whose is in the record}. Throws EarlyExit when a node
  /// cannot, or when `interrupted`.
  FleetJson plan(const FleetJson& options, const std::vector<std::string>& benchmark_flags,
                 const std::atomic<bool>& interrupted, nlohmann::ordered_json& columns);

  /// From now on rows go to `writer` (not owned). The others begin the run of this `record`, behind
  /// their rows among the `earlier` ones.
  void begin(const FleetJson& record, const std::vector<Row>& earlier, CsvWriter& writer);

  /// Writes a row of this node and what has come from the others: between two samples.
  void write(const Row& row);

  /// Writes what comes from the others until all have ended, or for `patience`. Tells them to end
  /// when this is `alone` in knowing that they are to: one that has died must not be told, because
  /// MPI would end this one too. A second thread may call it as well.
  void wait(const std::atomic<bool>& alone,
            std::chrono::milliseconds patience = std::chrono::milliseconds::max());

  /// Which of the others has not ended in an orderly way, or empty.
  std::string trouble() const;
  /// Whether one of the others ended before it was done.
  bool cut_short() const;
  /// Whether one of the others had a wrong result.
  bool wrong() const;
  /// What the end of the summary says of the nodes.
  std::string summary() const;

 private:
  struct Node {
    std::string name;
    bool ended = false;
    int status = 0;
    std::string text;
  };

  void keep(const Row& row);
  bool collect();

  Fleet& fleet_;
  CsvWriter* writer_ = nullptr;
  mutable std::mutex mutex_;  // of the writer and what follows
  std::vector<Node> nodes_;   // all but this one are to end
  NodeTimes times_;
  bool wrong_ = false;
};

}  // namespace crossover
