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

/// Names and versions, for the record of a run.
std::string library_versions();

}  // namespace crossover::gpu
