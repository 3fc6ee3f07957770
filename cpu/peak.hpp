#pragma once

#include <vector>

#include "common/element.hpp"

namespace crossover::cpu {

/// The rate at which CPUs compute where no memory holds them up: multiply-adds (two operations
/// each) on vector registers alone, on one thread bound to each of `cpus` at the same time. In 1e9
/// operations a second, all together; the best of a few windows, which take some 50 ms. For f32 and
/// f64 only: throws std::invalid_argument for another type, and std::system_error where
/// the system has no more threads.
double peak_gflops(ElementType type, const std::vector<int>& cpus);

}  // namespace crossover::cpu
