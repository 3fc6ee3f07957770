#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/model.hpp"
#include "gpu/work.hpp"

/// Which variants there are, and which form is best where.
namespace crossover::gpu {

/// A variant on a device: a step of a ladder, or a library.
struct Rung {
  Variant variant;
  Make make{};
  std::vector<ElementType> types{};  ///< those it is for; empty: all of the workload's
  bool own_forms = false;            ///< each size takes the fastest of candidates()
};

/// The variants of a workload on arrays in the scopes `resident` and `kernel`: the ladder's first
/// step first, libraries last.
std::vector<Rung> ladder(const Workload& workload);

/// What the choice of a form depends on.
struct Situation {
  std::uint64_t bytes = 0;     ///< of all arrays of an operation
  std::uint64_t l2_bytes = 0;  ///< of the second-level cache; 0 where operations find nothing there
  bool has_9_0 = false;
  bool back_to_back = false;  ///< as Target's
};
Situation situation_of(const Target& target);

/// The forms that can be the best one, the first guess first: those that the device has, that make
/// a difference in the situation, and that are not made for sizes eight times smaller.
std::vector<Form> candidates(const Workload& workload, const Situation& situation);

/// "tile:256:dependent".
std::string name(const Form& form);

/// The work of the form of that name. Throws Unavailable where the device cannot, and
/// std::invalid_argument where the workload has none of that name.
Work by_name(std::string_view form, const Target& target);

/// The first guesses in words, for the record of a run: which form below how many bytes.
std::string best_rule(const Workload& workload, Situation situation);

/// The work of the first guess that the device can do.
Work best(const Target& target);

}  // namespace crossover::gpu
