#pragma once

#include <memory>

#include "common/model.hpp"

namespace crossover::gpu {

/// `cuda`: the workloads on the multiprocessors of one GPU or several. Without CUDA in the build,
/// or without a driver or a device that it can use, unavailable() says why; nothing here needs the
/// driver's library to be installed.
///
/// hardware() has "gpus", an array of {device, name, compute_capability, multiprocessors,
/// max_sm_mhz, max_memory_mhz, memory_bytes, memory_bus_bits, peak_gb_per_s,
/// peak_gflops {f32, f64}, l2_bytes, copy_engines, ecc, power_limit_w, link,
/// link_gb_per_s (each way, in theory), driver, cuda_driver,
/// cuda_runtime}; null in a build without CUDA.
std::unique_ptr<Model> make_cuda();

}  // namespace crossover::gpu
