#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "common/model.hpp"
#include "cpu/operations.hpp"

/// Lines of a model's table.
namespace crossover::cpu {

/// Of every workload on arrays.
std::vector<Offer> array_offers(const Variant& variant, const decltype(Offer::make)& make,
                                const decltype(Offer::host_bytes)& host_bytes);

/// `cost` by an operation of type `Made`.
template <class Made>
Offer cost_offer(const Workload& cost, Variant variant,
                 std::uint64_t (*host_bytes)(const Configuration&) = threaded_bytes) {
  return {&cost, std::move(variant),
          [](const Configuration& configuration, const Placement& placement) {
            return std::make_unique<Made>(configuration, placement);
          },
          host_bytes};
}

}  // namespace crossover::cpu
