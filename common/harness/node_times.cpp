#include "common/harness/node_times.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "common/harness/statistics.hpp"

namespace crossover {

void NodeTimes::add(const Row& row) {
  if (row.status == Status::skipped) return;
  ++samples_[row.node];
  if (row.status == Status::noisy) ++noisy_;
  if (row.status == Status::failed) {
    ++failed_;
    return;
  }
  const std::string what = row.device == Devices::cpus().name() ? row.workload : row.workload + ' ' + row.device;
  times_[what][row.configuration()][row.node].push_back(row.time_ns);
}

std::vector<Behind> NodeTimes::behind() const {
  std::vector<Behind> found;
  for (const auto& [what, configurations] : times_) {
    std::map<std::string, Behind> by_node;
    for (const auto& [configuration, times] : configurations) {
      std::map<std::string, double> medians;
      for (const auto& [node, samples] : times) medians[node] = median_of(samples).value;
      if (medians.size() < 2) continue;
      for (const auto& [node, median] : medians) {
        std::vector<double> others;
        for (const auto& [other, time] : medians) {
          if (other != node) others.push_back(time);
        }
        const double ratio = median / median_of(others).value;
        Behind& sum = by_node.try_emplace(node, Behind{node, what, 0, 0, 0}).first->second;
        sum.ratio += std::log(ratio);
        if (ratio > kBehind) ++sum.slower;
        ++sum.of;
      }
    }
    for (auto& [node, sum] : by_node) {
      sum.ratio = std::exp(sum.ratio / sum.of);
      if (sum.ratio > kBehind) found.push_back(sum);
    }
  }
  std::stable_sort(found.begin(), found.end(),
                   [](const Behind& a, const Behind& b) { return a.ratio > b.ratio; });
  return found;
}

std::string NodeTimes::summary(const std::vector<std::string>& nodes) const {
  int samples = 0;
  for (const auto& [node, count] : samples_) samples += count;
  std::string text = fmt::format("\n{} nodes: {} samples, {} noisy, {} failed\n", nodes.size(),
                                 samples, noisy_, failed_);
  for (const std::string& node : nodes) {
    if (!samples_.contains(node)) text += fmt::format("{} has measured nothing\n", node);
  }
  const std::vector<Behind> slow = behind();
  if (slow.empty()) {
    return text + fmt::format("no node falls behind: none takes {:.0f} % longer than the others\n",
                              100 * (kBehind - 1));
  }
  text += fmt::format("{:<34}{:>18}   {}\n", "falling behind the other nodes", "time over theirs",
                      fmt::format("slower by {:.0f} % in", 100 * (kBehind - 1)));
  for (const Behind& one : slow) {
    text += fmt::format("{:<34}{:>17.2f}x   {} of {} configurations\n",
                        fmt::format("{}: {}", one.node, one.what), one.ratio, one.slower, one.of);
  }
  return text;
}

}  // namespace crossover
