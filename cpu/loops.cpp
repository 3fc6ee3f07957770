#include "cpu/loops.hpp"

#include "common/workloads/list.hpp"
#include "cpu/vector_loops.hpp"

namespace crossover::cpu {

Loops::Loops(const Workload& workload, ElementType type) {
  with_array_workload(workload, type,
                      [this]<class Work, class T>(const Work& its, std::type_identity<T>) {
                        work = std::make_shared<const Work>(its);
                        real = std::is_floating_point_v<T>;
                        if constexpr (Work::kPattern == Pattern::sum) {
                          sum_part = &detail::sum_part<Work, T>;
                          rounding = detail::kSumRounding<T>;
                        } else {
                          map_part = &detail::map_part<Work, T>;
                        }
                      });
}

}  // namespace crossover::cpu
