#include "cpu/loops.hpp"

#include "common/workloads/list.hpp"
#include "cpu/vector_loops.hpp"

namespace crossover::cpu {

Loops::Loops(const Workload& workload, ElementType type) {
  with_array_workload(workload, type,
                      [this]<class Work, class T>(const Work& work, std::type_identity<T>) {
                        work_ = std::make_shared<const Work>(work);
                        real_ = std::is_floating_point_v<T>;
                        if constexpr (Work::kPattern == Pattern::sum) {
                          sum_ = &detail::sum_part<Work, T>;
                          rounding_ = detail::kSumRounding<T>;
                        } else {
                          map_ = &detail::map_part<Work, T>;
                        }
                      });
}

}  // namespace crossover::cpu
