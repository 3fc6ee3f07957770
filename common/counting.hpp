#pragma once

#include <cstdint>

#include "common/workload.hpp"

/// The workload `count`: what the counter starts from and where it must end. The same for every
/// model.
namespace crossover::counting {

/// What the counter starts from for `salt`: a result left over from another salt is a wrong one.
constexpr std::uint64_t first(std::uint32_t salt) { return std::uint64_t{salt} << 48; }

/// Worker `worker`'s share of `elements` increments: all of them together, none differing from
/// another by more than one.
constexpr std::uint64_t share(std::uint64_t elements, int worker, int workers) {
  const auto count = static_cast<std::uint64_t>(workers);
  return elements / count + (static_cast<std::uint64_t>(worker) < elements % count ? 1 : 0);
}

/// What has been asked of a counter.
struct Counted {
  std::uint64_t first = 0;       ///< what it started from
  std::uint64_t operations = 0;  ///< one after the other
  std::uint64_t elements = 0;    ///< increments in each of them
};

/// Compares the counter's `value` with the exact one. Counters that `may_lose` increments are
/// correct as long as none was made up and every operation left at least one, which no order of
/// reads and writes can prevent; the error is then the share that was lost.
Verdict verify(const Counted& counted, std::uint64_t value, bool may_lose);

}  // namespace crossover::counting
