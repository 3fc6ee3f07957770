#pragma once

#include <map>
#include <string>
#include <vector>

#include "common/harness/csv.hpp"

namespace crossover {

/// A node that is slower than the others at one workload.
struct Behind {
  std::string node;
  std::string what;  ///< the workload, and the device when it is not the CPUs
  /// The geometric mean over the configurations of the node's median time over the median of the
  /// other nodes' medians: itself left out, so that two nodes differ by all of their distance.
  double ratio = 1;
  int slower = 0;  ///< configurations in which that is above kBehind
  int of = 0;      ///< configurations that others have measured too
};

/// From this ratio on a node falls behind.
inline constexpr double kBehind = 1.05;

/// What the nodes of a fleet have measured.
class NodeTimes {
 public:
  void add(const Row& row);

  /// The slowest first.
  std::vector<Behind> behind() const;
  /// For the end of a run: how much was measured, and who falls behind.
  std::string summary(const std::vector<std::string>& nodes) const;

 private:
  using ByNode = std::map<std::string, std::vector<double>>;

  std::map<std::string, std::map<std::string, ByNode>> times_;  // by workload and configuration
  std::map<std::string, int> samples_;                          // by node
  int noisy_ = 0;
  int failed_ = 0;
};

}  // namespace crossover
