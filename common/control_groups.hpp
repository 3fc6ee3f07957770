#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

#include "common/limits.hpp"

namespace crossover {

/// A process's control group in one hierarchy: the folders from the highest that can be seen
/// down to its own. Limits hold in all of them, so the tightest counts.
struct Hierarchy {
  bool unified = false;  ///< cgroup v2
  std::vector<std::filesystem::path> folders;
};

/// The hierarchies that may hold `controller`'s files: the v1 one of that name and the v2 one.
std::vector<Hierarchy> hierarchies(const SystemRoot& root, std::string_view controller);

}  // namespace crossover
