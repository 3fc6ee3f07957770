#include "common/harness/peak.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

namespace crossover {

void add_measured_peak(nlohmann::ordered_json& machine, const std::vector<Planned>& plan,
                       const Topology& topology, const MeasurePeak& measure) {
  const bool wanted = std::any_of(plan.begin(), plan.end(), [](const Planned& planned) {
    const Configuration& what = planned.configuration;
    return planned.model != nullptr && what.device.is_cpus() && !what.workload->family.empty();
  });
  if (!wanted || !measure) return;
  nlohmann::ordered_json peaks;
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    for (const int workers : {1, topology.usable_cores()}) {
      peaks[std::string(name(type))][std::to_string(workers)] =
          measure(type, topology.place(workers, Pin::cores).cpus);
    }
  }
  machine["cpu"]["measured_peak_gflops"] = peaks;
}

}  // namespace crossover
