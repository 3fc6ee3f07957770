#pragma once

#include <vector>

#include "common/fingerprint.hpp"

namespace crossover::cpu {

/// The state of `cpus`, at least one, as threads that are bound to them find it, as far as the
/// system lets them; the calling thread stays where it is. Throws std::system_error where there is
/// no thread to be had at all.
Fingerprint take_fingerprint(const std::vector<int>& cpus);

}  // namespace crossover::cpu
