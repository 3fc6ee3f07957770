#include "common/model.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace crossover {

std::string_view name(Scope scope) {
  switch (scope) {
    case Scope::resident:
      return "resident";
    case Scope::kernel:
      return "kernel";
    case Scope::offload:
      break;
  }
  return "offload";
}

std::string Configuration::name() const {
  return fmt::format("{}/{}/{}/{}/{}/n:{}/w:{}", workload->name, crossover::name(type), model,
                     variant, crossover::name(scope), elements, workers);
}

nlohmann::json Model::hardware() const { return nlohmann::json::object(); }

Nanoseconds HostClockedOperation::time(std::int64_t operations) {
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < operations; ++i) run();
  return std::chrono::steady_clock::now() - start;
}

}  // namespace crossover
