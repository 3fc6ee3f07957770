#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gpu/operations.hpp"

/// What parallelism costs, on one GPU.
namespace crossover::gpu {

struct CostVariant {
  Variant variant;
  std::function<std::unique_ptr<Operation>(const Configuration&, Gpu&)> make;
};

/// `count`: all threads add to one counter.
std::vector<CostVariant> count_variants();

/// `create`: a block for each worker, which does nothing, and the wait for their end.
std::vector<CostVariant> create_variants();

}  // namespace crossover::gpu
