#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "common/limits.hpp"

namespace crossover {

struct ControlGroup {
  bool unified = false;  ///< cgroup v2
  std::filesystem::path folder;
};

/// The groups of this process that may hold `controller`'s files, in the v1 hierarchy of that name
/// and in the v2 one: from the highest that can be seen down to its own. Limits hold in all of
/// them, so the tightest counts.
std::vector<ControlGroup> control_groups(const SystemRoot& root, std::string_view controller);

}  // namespace crossover
