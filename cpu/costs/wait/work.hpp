#pragma once

#include <cstdint>

/// Work that takes a known time of a CPU.
namespace crossover::cpu {

/// `steps` steps of a chain in which each needs the one before: as long as the processor's clock
/// says and nothing else, since it reads no memory. Returns where it ended.
inline std::uint64_t chain(std::uint64_t value, std::uint64_t steps) {
  for (std::uint64_t i = 0; i < steps; ++i) {
    value = value * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(value));  // step by step: two of them could be made one
  }
  return value;
}

/// The steps that take a millisecond of a CPU, measured once in the life of the process, at its
/// first call; CPU time is measured, so that neighbours do not matter.
std::uint64_t steps_per_millisecond();

}  // namespace crossover::cpu
