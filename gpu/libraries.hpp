#pragma once

#include <string>

#include "gpu/work.hpp"

/// The libraries' versions of workloads on arrays, called as their documentation shows. Null where
/// this build has none.
namespace crossover::gpu {

/// CUB's: its transform of maps, its sum.
Make cub_work(const Workload& workload);

/// thrust's: transform (of one or two inputs), transform_reduce, inner_product. It waits by itself:
/// the device's clock cannot be put around it.
Make thrust_work(const Workload& workload);

/// cuBLAS's, of f32 and f64, where the workload names a routine. The library is loaded when first
/// asked for: the program starts without it, and does not carry its half a gigabyte. Making the
/// work throws Unavailable where it is not installed.
Make cublas_work(const Workload& workload);

/// How CUB and thrust add: floats in floats, tiles of 16 elements a thread, blocks, then the
/// blocks' sums. Its additions' partial sums weigh as those of a chain of at most 98 over all
/// elements: 16 in a thread's tile and some hundred tiles, each of a small part of the sum, then a
/// tree over the block, then at most some dozens a thread and a tree over all of it. Doubles are
/// added in doubles, in chains that the bound for double precision covers.
template <class W>
Rounding library_rounding(std::uint64_t n) {
  return std::is_same_v<W, float> ? Rounding{98, n} : Rounding{};
}

/// Names and versions, for the record of a run.
std::string library_versions();

}  // namespace crossover::gpu
