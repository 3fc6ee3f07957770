#include "gpu/placement.hpp"

#include <fmt/format.h>

#include <vector>

namespace crossover::gpu {

std::string OneBlockEach::misplaced() const {
  std::vector<unsigned> on(seen_.size());
  device_->select();
  device_->check(
      cudaMemcpy(on.data(), seen_.data(), on.size() * sizeof(unsigned), cudaMemcpyDeviceToHost),
      "reading where the blocks ran");
  std::sort(on.begin(), on.end());
  const auto distinct = std::unique(on.begin(), on.end()) - on.begin();
  if (distinct == static_cast<std::ptrdiff_t>(on.size())) return {};
  return fmt::format("{} blocks ran on {} multiprocessors", on.size(), distinct);
}

}  // namespace crossover::gpu
