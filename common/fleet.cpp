#include "common/fleet.hpp"

#include <set>

namespace crossover {

std::vector<std::string> node_names(std::vector<std::string> hosts) {
  if (std::set<std::string>(hosts.begin(), hosts.end()).size() < hosts.size()) {
    // All of them: a host may be called like another with a number.
    for (std::size_t node = 0; node < hosts.size(); ++node) {
      hosts[node] += '-' + std::to_string(node);
    }
  }
  return hosts;
}

}  // namespace crossover
