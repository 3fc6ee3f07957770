#include "common/control_groups.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <system_error>

#include "common/system_file.hpp"

namespace crossover {
namespace {

namespace fs = std::filesystem;

/// mountinfo writes space, tab, newline and backslash in a path as three octal digits.
std::string unescaped(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    if (text[i] == '\\' && i + 3 < text.size() &&
        std::from_chars(&text[i + 1], &text[i] + 4, code, 8).ptr == &text[i] + 4) {
      plain += static_cast<char>(code);
      i += 3;
    } else {
      plain += text[i];
    }
  }
  return plain;
}

bool contains(std::string_view list, std::string_view name) {
  const auto parts = split(list, ',');
  return std::find(parts.begin(), parts.end(), name) != parts.end();
}

/// `path` below `root`, without a leading slash; nothing when it lies elsewhere.
std::optional<std::string> below(const std::string& path, const std::string& root) {
  if (root == "/") return path.substr(std::min<std::size_t>(1, path.size()));
  if (path == root) return std::string();
  if (path.starts_with(root + "/")) return path.substr(root.size() + 1);
  return std::nullopt;
}

}  // namespace

std::vector<ControlGroup> control_groups(const SystemRoot& root, std::string_view controller) {
  const auto memberships = read_text(root.path / "proc/self/cgroup");
  const auto mounts = read_text(root.path / "proc/self/mountinfo");
  if (!memberships || !mounts) return {};

  std::vector<ControlGroup> found;
  for (const auto membership : split(*memberships, '\n')) {
    // ID:CONTROLLERS:PATH, where v2 has no controllers and a path may hold colons.
    const auto first = membership.find(':');
    const auto second = membership.find(':', first + 1);
    if (first == std::string_view::npos || second == std::string_view::npos) continue;
    const auto controllers = membership.substr(first + 1, second - first - 1);
    const std::string group(membership.substr(second + 1));
    const bool unified = controllers.empty();
    if (!unified && !contains(controllers, controller)) continue;

    // The folder of the process itself, or, when a container's mount does not show it (the path is
    // the host's, the mount a part of the tree), the mount's own root: the container's group.
    std::optional<fs::path> mount_point;
    fs::path own;  // below the mount point
    bool shown = false;
    for (const auto mount : split(*mounts, '\n')) {
      const auto separator = mount.find(" - ");
      if (separator == std::string_view::npos) continue;
      const auto left = words(mount.substr(0, separator));
      const auto right = words(mount.substr(separator + 3));
      if (left.size() < 5 || right.size() < 3) continue;
      const bool holds_it =
          unified ? right[0] == "cgroup2" : right[0] == "cgroup" && contains(right[2], controller);
      if (!holds_it || shown) continue;
      const auto at = root.path / unescaped(left[4]).substr(1);
      if (!mount_point) mount_point = at;
      const auto relative = below(group, unescaped(left[3]));
      std::error_code ignored;
      // A group outside of the process's cgroup namespace reads "/../..".
      if (relative && relative->find("..") == std::string::npos &&
          fs::is_directory(at / *relative, ignored)) {
        mount_point = at;
        own = *relative;
        shown = true;
      }
    }
    if (!mount_point) continue;

    found.push_back({unified, *mount_point});
    for (const auto& part : own) found.push_back({unified, found.back().folder / part});
  }
  return found;
}

}  // namespace crossover
