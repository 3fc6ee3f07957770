#include "common/topology.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

void bind_worker(const Placement& placement, int worker) {
  if (placement.cpus.empty()) {
    bind_this_thread(placement.allowed);
  } else {
    bind_this_thread(placement.cpus.at(static_cast<std::size_t>(worker)));
  }
}

CallerBinding::CallerBinding(const Placement& placement) : allowed_(placement.allowed) {
  bind_worker(placement, 0);
}

CallerBinding::~CallerBinding() { unbind(allowed_); }

void unbind(const std::vector<int>& allowed) {
  try {
    bind_this_thread(allowed);
  } catch (const std::runtime_error&) {
    // Only when the mask has shrunk since the run began: the next team binds anew and reports it.
  }
}

}  // namespace crossover::cpu
