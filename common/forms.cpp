#include "common/forms.hpp"

#include <limits>

namespace crossover {

std::uint64_t part_bytes(const Configuration& configuration) {
  if (configuration.cache == Cache::cold) return std::numeric_limits<std::uint64_t>::max();
  const auto workers = static_cast<std::uint64_t>(configuration.workers);
  return (configuration.elements + workers - 1) / workers * size_of(configuration.type) *
         static_cast<std::uint64_t>(configuration.workload->arrays);
}

std::string_view ChosenForms::own(const Configuration& configuration) const {
  const auto found = own_.find({configuration.name(), configuration.device.name()});
  return found == own_.end() ? std::string_view() : found->second;
}

std::string_view ChosenForms::of(const Configuration& configuration,
                                 std::uint64_t part_bytes) const {
  for (const Choice& choice : choices_) {
    if (choice.workload == configuration.workload && choice.type == configuration.type &&
        choice.several == (configuration.workers > 1) && part_bytes <= choice.up_to) {
      return choice.form;
    }
  }
  return {};
}

}  // namespace crossover
