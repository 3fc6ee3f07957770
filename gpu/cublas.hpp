#pragma once

#include <cstdint>
#include <memory>

#include "gpu/work.hpp"

namespace crossover::gpu {

/// x[i] *= 2 by cuBLAS (scal), which is loaded when first asked for: the program starts without it,
/// and does not carry its half a gigabyte. Throws Unavailable where it is not installed.
std::unique_ptr<Work> make_cublas_double(const Device& device, float* x, std::uint64_t n);
std::unique_ptr<Work> make_cublas_double(const Device& device, double* x, std::uint64_t n);

}  // namespace crossover::gpu
