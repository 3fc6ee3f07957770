#include "common/model.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace crossover {

Devices Devices::gpus(std::vector<int> numbers) {
  Devices devices;
  std::sort(numbers.begin(), numbers.end());
  devices.gpus_ = std::move(numbers);
  return devices;
}

Devices Devices::none() {
  Devices devices;
  devices.none_ = true;
  return devices;
}

std::string Devices::name() const {
  if (none_) return "none";
  if (gpus_.empty()) return "cpu";
  return fmt::format("gpu{}", fmt::join(gpus_, "+gpu"));
}

std::string Configuration::name() const {
  return fmt::format("{}/{}/{}/{}/{}/n:{}/w:{}{}", workload->name, crossover::name(type), model,
                     variant, crossover::name(scope), elements, workers,
                     cache == Cache::cold ? "/cold" : "");
}

namespace {

bool is_for(const Offer& offer, const Workload& workload, ElementType type) {
  const auto contains = [type](const std::vector<ElementType>& types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  return offer.workload == &workload && contains(workload.types) &&
         (offer.types.empty() || contains(offer.types));
}

}  // namespace

std::vector<Variant> Model::variants(const Workload& workload, ElementType type) const {
  std::vector<Variant> all;
  for (const Offer& offer : offers()) {
    if (is_for(offer, workload, type)) all.push_back(offer.variant);
  }
  return all;
}

const Offer& Model::offer(const Configuration& configuration) const {
  for (const Offer& offer : offers()) {
    const std::vector<Scope>& scopes = offer.variant.scopes;
    if (is_for(offer, *configuration.workload, configuration.type) &&
        offer.variant.name == configuration.variant &&
        std::find(scopes.begin(), scopes.end(), configuration.scope) != scopes.end()) {
      return offer;
    }
  }
  throw std::invalid_argument(fmt::format("{} does not offer {}", name(), configuration.name()));
}

std::uint64_t Model::host_bytes(const Configuration& configuration) const {
  return offer(configuration).host_bytes(configuration);
}

std::unique_ptr<Operation> Model::prepare(const Configuration& configuration,
                                          const Placement& placement) {
  return offer(configuration).make(configuration, placement);
}

nlohmann::json Model::hardware() const { return nlohmann::json::object(); }

Nanoseconds HostClockedOperation::time(std::int64_t operations) {
  return time_all(operations, [this] { run(); });
}

}  // namespace crossover
