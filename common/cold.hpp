#pragma once

#include <cstddef>

namespace crossover {

/// Removes the cache lines of [data, data + bytes) from all caches of all CPUs, writing back what
/// was changed, and returns when that is done. The next access finds them in main memory.
///
/// This is what `--cache cold` does before each operation, outside the clock. It is fair to all: it
/// works by address, so whoever calls it, no CPU keeps a copy; nothing else is disturbed, neither
/// code nor stacks nor what workers talk through nor the translations of addresses; and it takes no
/// guess how large the caches are, which a virtual machine does not tell truly.
/// Throws std::logic_error where cold_unavailable() says why.
void remove_from_caches(const void* data, std::size_t bytes);

/// Why this processor offers no way to do that, or empty.
const char* cold_unavailable();

}  // namespace crossover
