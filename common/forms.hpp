#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/model.hpp"

namespace crossover {

/// The bytes that a worker's part of all arrays takes, where it finds them: with cold caches that
/// is always in memory, however few they are.
std::uint64_t part_bytes(const Configuration& configuration);

/// Which form of its loop a workload takes: chosen on this machine, the same for all models, by
/// where a worker's part lies and by whether one worker is at work or several.
class ChosenForms {
 public:
  struct Choice {
    const Workload* workload = nullptr;
    ElementType type = ElementType::f32;
    bool several = false;                     ///< workers
    std::uint64_t up_to = ~std::uint64_t{0};  ///< bytes of a worker's part
    std::string form;
  };

  /// Choices for the same workload, type and number of workers come in the order of `up_to`.
  void add(Choice choice) { choices_.push_back(std::move(choice)); }
  const std::vector<Choice>& choices() const { return choices_; }

  /// Of a configuration of that name, on that device, which has forms of its own.
  void add_own(const std::string& name, const std::string& device, std::string form) {
    own_.insert_or_assign({name, device}, std::move(form));
  }
  std::string_view own(const Configuration& configuration) const;

  /// The form's name; empty where none was chosen.
  std::string_view of(const Configuration& configuration, std::uint64_t part_bytes) const;

 private:
  std::vector<Choice> choices_;
  std::map<std::pair<std::string, std::string>, std::string> own_;  // by name and device
};

}  // namespace crossover
