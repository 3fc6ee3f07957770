#pragma once

#include <atomic>
#include <chrono>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "common/model.hpp"

namespace crossover {

/// One form, as it was tried.
struct Tried {
  std::string form;
  double ns = 0;  ///< an operation's, in the fastest turn
};

/// Lets an operation take its forms in turns until `end`: first all of them, then those within a
/// tenth of the best. Empty where there was no time for each to have a turn; a form that cannot be
/// taken is left out.
std::vector<Tried> try_forms(Operation& operation, const std::vector<std::string>& forms,
                             std::chrono::steady_clock::time_point end,
                             const std::atomic<bool>& interrupted);

/// The form to take, of what was tried; the plainest comes first.
std::string best_form(std::span<const Tried> tried);

/// For the record: ahead_of_next (a ratio; null where there is no other), tried [{form, gb_per_s}],
/// the fastest first.
nlohmann::ordered_json describe_trial(std::vector<Tried> tried, const Configuration& configuration,
                                      const std::string& chosen);

}  // namespace crossover
