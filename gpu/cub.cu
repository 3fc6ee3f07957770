#include <cub/device/device_reduce.cuh>
#include <cub/version.cuh>
#if __has_include(<cub/device/device_transform.cuh>)
#include <cub/device/device_transform.cuh>
#define CROSSOVER_CUB_TRANSFORM 1
#elif __has_include(<cub/device/device_for.cuh>)
#include <cub/device/device_for.cuh>
#define CROSSOVER_CUB_FOR 1
#endif
#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/zip_iterator.h>
#include <thrust/zip_function.h>

#include <climits>
#include <string>

#include "common/model.hpp"
#include "gpu/for_workload.hpp"
#include "gpu/libraries.hpp"

namespace crossover::gpu {

namespace {

#if defined(CROSSOVER_CUB_TRANSFORM)

template <class Map>
constexpr bool kHasMap = true;

template <class Map, class W, int... kInput>
cudaError_t cub_map(const Map& map, const Elements<W, Map::kArrays>& x, cudaStream_t stream,
                    std::integer_sequence<int, kInput...>) {
  constexpr int kFirst = Map::kArrays - Map::kInputs;
  return cub::DeviceTransform::Transform(cuda::std::make_tuple(x.at[kFirst + kInput]...), x.at[0],
                                         x.size, ElementOf<Map>{map}, stream);
}

/// CUB keeps, for all sizes, the tile that it has chosen for the first one: let that be a large
/// one. In a capture, so that nothing is done.
template <class Map, class W>
void choose_tile(const Target& target, const Map& map) {
  Elements<W, Map::kArrays> x = elements_of<W, Map::kArrays>(target.arrays, 0);
  x.size = std::uint64_t{1} << 30;
  const Device& device = target.device();
  const cudaStream_t stream = target.stream.get();
  device.check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal),
               "beginning to capture CUB's transform");
  const cudaError_t status =
      cub_map<Map, W>(map, x, stream, std::make_integer_sequence<int, Map::kInputs>{});
  cudaGraph_t graph = nullptr;
  device.check(cudaStreamEndCapture(stream, &graph), "capturing CUB's transform");
  cudaGraphDestroy(graph);
  device.check(status, "CUB's transform");
}

#elif defined(CROSSOVER_CUB_FOR)

template <class Map>
constexpr bool kHasMap = Map::kPattern == Pattern::map_in_place&& Map::kArrays == 1;

template <class Map>
struct InPlace {
  Map map;
  template <class W>
  __device__ void operator()(W& x) const {
    x = map.element(x);
  }
};
template <class Map, class W>
cudaError_t cub_map(const Map& map, const Elements<W, 1>& x, cudaStream_t stream,
                    std::integer_sequence<int, 0>) {
  return cub::DeviceFor::ForEachN(x.at[0], x.size, InPlace<Map>{map}, stream);
}
template <class Map, class W>
void choose_tile(const Target&, const Map&) {}

#else

template <class Map>
constexpr bool kHasMap = false;

#endif

Work make_map(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) -> Work {
    if constexpr (kHasMap<Map>) {
      choose_tile<Map, W>(target, map);
      return work_by(target.arrays.sets, [map, arrays = target.arrays](const Stream& stream,
                                                                       std::uint64_t set) {
        stream.device().check(
            cub_map<Map, W>(map, elements_of<W, Map::kArrays>(arrays, set), stream.get(),
                            std::make_integer_sequence<int, Map::kInputs>{}),
            "CUB's transform");
      });
    } else {
      throw std::logic_error("CUB does not have this map");
    }
  });
}

template <class Sum, class W>
cudaError_t cub_sum(void* storage, std::size_t& bytes, const Sum& sum,
                    const Elements<W, Sum::kArrays>& x, W* result, cudaStream_t stream) {
  const auto reduce = [&](auto from, auto element) {
#if CUB_VERSION >= 200300
    return cub::DeviceReduce::TransformReduce(storage, bytes, from, result, x.size,
                                              cuda::std::plus<>{}, element, W{}, stream);
#else
    // make_sum() has seen to the size.
    return cub::DeviceReduce::Sum(storage, bytes, thrust::make_transform_iterator(from, element),
                                  result, static_cast<int>(x.size), stream);
#endif
  };
  if constexpr (Sum::kArrays == 1) {
    return reduce(x.at[0], ElementOf<Sum>{sum});
  } else {
    return reduce(thrust::make_zip_iterator(x.at[0], x.at[1]),
                  thrust::make_zip_function(ElementOf<Sum>{sum}));
  }
}

Work make_sum(const Target& target) {
#if CUB_VERSION < 200300
  if (target.arrays.elements > INT_MAX) {
    throw Unavailable("this toolkit's CUB counts in 32 bits: CUDA 12.4 does not");
  }
#endif
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    std::size_t bytes = 0;
    target.device().check(
        cub_sum<Sum, W>(nullptr, bytes, sum, elements_of<W, Sum::kArrays>(target.arrays, 0),
                        nullptr, nullptr),
        "CUB's sum");
    const auto storage = std::make_shared<DeviceArray<std::byte>>(target.device(), bytes);
    return sum_work<W>(
        target, 2, library_rounding<W>(target.arrays.elements),
        [sum, storage, bytes, arrays = target.arrays](const Stream& stream, std::uint64_t set,
                                                      W* result) {
          std::size_t size = bytes;
          stream.device().check(
              cub_sum<Sum, W>(storage->data(), size, sum, elements_of<W, Sum::kArrays>(arrays, set),
                              result, stream.get()),
              "CUB's sum");
        });
  });
}

}  // namespace

Make cub_work(const Workload& workload) {
  if (workload.is_sum) return make_sum;
  bool has = false;
  with_array_workload(workload, workload.types.front(), [&]<class Is>(const Is&, auto) {
    if constexpr (Is::kPattern != Pattern::sum) has = kHasMap<Is>;
  });
  return has ? make_map : Make{};
}

std::string library_versions() {
  std::string text = "CUB " + std::to_string(CUB_VERSION / 100000) + "." +
                     std::to_string(CUB_VERSION / 100 % 1000) + "." +
                     std::to_string(CUB_VERSION % 100);
#if defined(CROSSOVER_CUB_TRANSFORM)
  text += " (maps: DeviceTransform)";
#elif defined(CROSSOVER_CUB_FOR)
  text += " (maps: DeviceFor)";
#endif
  return text;
}

}  // namespace crossover::gpu
