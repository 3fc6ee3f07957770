#include "gpu/libraries.hpp"

#include "gpu/for_workload.hpp"
#include "gpu/launch.hpp"

/// In the place of CUB and thrust, which the emulation does not have: one thread does it all. What
/// is tested is how their work is wrapped, not they.
namespace crossover::gpu {

namespace {

template <class Map, class W>
void map_serially(Map map, Elements<W, Map::kArrays> x) {
  for (std::uint64_t i = 0; i < x.size; ++i) {
    x.at[0][i] = element_of(map, [&](int array) { return x.at[array][i]; });
  }
}

template <class Sum, class W>
void sum_serially(Sum sum, Elements<W, Sum::kArrays> x, W* result) {
  TotalOf<W> total{};
  for (std::uint64_t i = 0; i < x.size; ++i) {
    total += element_of(sum, [&](int array) { return x.at[array][i]; });
  }
  *result = static_cast<W>(total);
}

Work serial_map(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    return work_by(target.arrays.sets,
                   [map, arrays = target.arrays](const Stream& stream, std::uint64_t set) {
                     launch(stream, &map_serially<Map, W>, Shape{1, 1, 0}, map,
                            elements_of<W, Map::kArrays>(arrays, set));
                   });
  });
}

Work serial_sum(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return sum_work<W>(
        target, 2, library_rounding<W>(target.arrays.elements),
        [sum, arrays = target.arrays](const Stream& stream, std::uint64_t set, W* result) {
          launch(stream, &sum_serially<Sum, W>, Shape{1, 1, 0}, sum,
                 elements_of<W, Sum::kArrays>(arrays, set), result);
        });
  });
}

}  // namespace

Make cub_work(const Workload& workload) { return workload.is_sum ? serial_sum : serial_map; }
Make thrust_work(const Workload& workload) { return cub_work(workload); }
std::string library_versions() { return "emulated"; }

}  // namespace crossover::gpu
