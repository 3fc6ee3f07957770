#pragma once

#include <memory>

#include "gpu/work.hpp"

namespace crossover::gpu {

/// `inner`'s operations as CUDA graphs: captured once, then started with one call for all the
/// kernels of an operation, or of `kGraphOperations` operations at a time. Pays where launching
/// takes longer than working. A graph keeps the arrays that it was captured with: of one set.
inline constexpr int kGraphOperations = 32;
std::unique_ptr<Work> make_graph(const Stream& stream, std::unique_ptr<Work> inner);

}  // namespace crossover::gpu
