#include "cpu/offers.hpp"

#include "common/cold.hpp"

namespace crossover::cpu {

std::vector<Offer> array_offers(const Variant& variant, const decltype(Offer::make)& make,
                                const decltype(Offer::host_bytes)& host_bytes) {
  const auto make_if_cold = [make](const Configuration& configuration, const Placement& placement) {
    if (configuration.cache == Cache::cold && *cold_unavailable() != '\0') {
      throw Unavailable(cold_unavailable());
    }
    return make(configuration, placement);
  };
  std::vector<Offer> offers;
  for (const Workload& workload : workloads()) {
    if (workload.moves_data()) offers.push_back({&workload, variant, make_if_cold, host_bytes});
  }
  return offers;
}

}  // namespace crossover::cpu
