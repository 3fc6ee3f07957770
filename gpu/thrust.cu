#include <thrust/execution_policy.h>
#include <thrust/functional.h>
#include <thrust/inner_product.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>

#include <exception>
#include <string>

#include "gpu/for_workload.hpp"
#include "gpu/libraries.hpp"

/// thrust's algorithms as users call them: they allocate, launch, copy and wait by themselves.
namespace crossover::gpu {

namespace {

/// thrust has its own exceptions; the error behind them is the device's.
template <class Call>
auto translated(const Stream& stream, Call&& call) {
  try {
    return call(thrust::cuda::par.on(stream.get()));
  } catch (const std::exception& error) {
    stream.device().check(cudaGetLastError(), std::string("thrust: ") + error.what());
    throw;
  }
}

Work make_map(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) -> Work {
    if constexpr (Map::kInputs <= 2) {
      return work_by(target.arrays.sets, [map, arrays = target.arrays](const Stream& stream,
                                                                       std::uint64_t set) {
        const auto x = elements_of<W, Map::kArrays>(arrays, set);
        W* const first = x.at[Map::kArrays - Map::kInputs];
        translated(stream, [&](const auto& policy) {
          if constexpr (Map::kInputs == 1) {
            thrust::transform(policy, first, first + x.size, x.at[0], ElementOf<Map>{map});
          } else {
            thrust::transform(policy, first, first + x.size, x.at[Map::kArrays - 1], x.at[0],
                              ElementOf<Map>{map});
          }
        });
      });
    } else {
      throw std::logic_error("thrust transforms one or two inputs");
    }
  });
}

Work make_sum(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return sum_work<W>(
        target, 2, library_rounding<W>(target.arrays.elements),
        [sum, arrays = target.arrays](const Stream& stream, std::uint64_t set, W* result) {
          const auto x = elements_of<W, Sum::kArrays>(arrays, set);
          *result = translated(stream, [&](const auto& policy) {
            if constexpr (Sum::kArrays == 1) {
              return thrust::transform_reduce(policy, x.at[0], x.at[0] + x.size,
                                              ElementOf<Sum>{sum}, W{}, thrust::plus<W>{});
            } else {
              return thrust::inner_product(policy, x.at[0], x.at[0] + x.size, x.at[1], W{},
                                           thrust::plus<W>{}, ElementOf<Sum>{sum});
            }
          });
        });
  });
}

}  // namespace

Make thrust_work(const Workload& workload) {
  if (workload.is_sum) return make_sum;
  bool has = false;
  with_array_workload(workload, workload.types.front(),
                      [&]<class Is>(const Is&, auto) { has = Is::kInputs <= 2; });
  return has ? make_map : Make{};
}

}  // namespace crossover::gpu
