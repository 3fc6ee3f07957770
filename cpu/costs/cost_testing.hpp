#pragma once

// What the tests of the costs share.

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/topology.hpp"
#include "common/workloads/testing.hpp"
#include "cpu/faults_testing.hpp"
#include "cpu/models.hpp"

namespace crossover::cpu {

inline Configuration configuration(std::string_view workload, std::string variant,
                                   std::uint64_t elements, int workers) {
  const Workload* const entry = find_workload(workload);
  return {entry,   entry->types.front(), "model", std::move(variant), Scope::resident, elements,
          workers, Devices::cpus()};
}

inline std::map<std::string, double> values(const Observation& seen) {
  return {seen.values.begin(), seen.values.end()};
}

/// 1, a few and `most` workers; under the sanitizers, which see the same code, not the most.
inline std::vector<int> tested_counts(int most) {
  return kSanitized ? std::vector{1, 3} : std::vector{1, 3, most};
}

/// That the columns of single units say what so many units can tell, and nothing impossible.
inline void expect_tail(const std::map<std::string, double>& seen, std::uint64_t units) {
  const std::pair<const char*, std::uint64_t> columns[]{{"op_p50_ns", 2},
                                                        {"op_p90_ns", 10},
                                                        {"op_p99_ns", 100},
                                                        {"op_p999_ns", 1000},
                                                        {"op_max_ns", 1}};
  double last = 0;
  for (const auto& [name, fewest] : columns) {
    ASSERT_EQ(seen.contains(name), units >= fewest) << name << " of " << units;
    if (units < fewest) continue;
    EXPECT_GE(seen.at(name), last) << name;
    last = seen.at(name);
  }
  ASSERT_EQ(seen.contains("clock_ns"), units > 0);
  if (units == 0) return;
  EXPECT_GE(last, 1);
  // The coarsest clock of all and the slowest machine.
  EXPECT_GE(seen.at("clock_ns"), 0);
  EXPECT_LT(seen.at("clock_ns"), 1e5);
}

/// `body(model, configuration without size)` for every variant of `workload` that a CPU model has.
template <class Body>
void for_each_variant(std::string_view workload, std::vector<int> counts, Body&& body) {
  Sweeps sweeps;
  sweeps.threads = std::move(counts);
  int variants = 0;
  for (const auto& model : make_models()) {
    const auto devices = model->workers(sweeps);
    const Workload& entry = *find_workload(workload);
    for (const Variant& variant : model->variants(entry, entry.types.front())) {
      ++variants;
      for (const int workers : devices.front().second) {
        Configuration what = configuration(workload, variant.name, 0, workers);
        what.model = model->name();
        SCOPED_TRACE(what.name());
        body(*model, what);
      }
    }
  }
  EXPECT_GT(variants, 0);
}

inline void expect_correct(Model& model, const Configuration& what, Pin pin = Pin::cores) {
  static const Topology topology = detect_topology();
  const auto operation = model.prepare(what, topology.place(what.workers, pin));
  for (const std::uint32_t salt : {1U, 2U}) {
    operation->renew(salt);
    EXPECT_GE(operation->time(1).count(), 0);
    EXPECT_GE(operation->time(3).count(), 0);
    const Verdict verdict = operation->verify();
    EXPECT_TRUE(verdict.correct) << verdict.note;
    if (what.variant != "unsynchronised") {
      EXPECT_EQ(verdict.error, 0);
    }
  }
}

/// The first worker comes once more.
class TwiceTheFirst : public InTurn {
 public:
  using InTurn::InTurn;
  template <class Body>
  void run(Body&& body) {
    InTurn::run(body);
    body(0);
  }
};

inline const Placement kHere{{}, {0}, false};

template <class Operation>
bool passes(const Configuration& what) {
  Operation operation(what, kHere);
  operation.renew(1);
  operation.time(3);
  return operation.verify().correct;
}

}  // namespace crossover::cpu
