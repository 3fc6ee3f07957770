#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "common/model.hpp"

/// What the tables of the costs have in common.
namespace crossover::cpu {

/// What workers that are threads take: their stacks' and their allocators' first pages, and the
/// kernel's stacks.
inline std::uint64_t thread_bytes(const Configuration& configuration) {
  constexpr std::uint64_t kWorker = 64 * 1024;
  return static_cast<std::uint64_t>(configuration.workers) * kWorker;
}

/// A line of a model's table: `cost` by an operation of type `Made`.
template <class Made>
Offer cost_offer(const Workload& cost, Variant variant,
                 std::uint64_t (*host_bytes)(const Configuration&) = thread_bytes) {
  return {&cost, std::move(variant),
          [](const Configuration& configuration, const Placement& placement) {
            return std::make_unique<Made>(configuration, placement);
          },
          host_bytes};
}

}  // namespace crossover::cpu
