#pragma once

#include <cstdint>
#include <functional>
#include <span>

namespace crossover {

/// Calls `body(first, count)` for parts that together cover [0, elements), on one thread of its own
/// for each CPU of `cpus` (on the calling thread when there is little to do, or when the system has
/// no more threads), and waits. For what is outside every clock: filling and verifying. The calling
/// thread's own binding does not matter.
void parallel_over(std::uint64_t elements, std::span<const int> cpus,
                   const std::function<void(std::uint64_t first, std::uint64_t count)>& body);

}  // namespace crossover
