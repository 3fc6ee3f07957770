#include <string>

#include "common/model.hpp"
#include "gpu/for_workload.hpp"
#include "gpu/launch.hpp"
#include "gpu/map_kernels.cuh"

namespace crossover::gpu {

namespace {

/// `unrolled`'s loads in flight a thread, and bulk's bytes in flight a multiprocessor: to be set
/// from measurements. Until then 4 and 48 KiB, at which CUB's transform settled on an H200.
constexpr int kMostPacks = 4;
constexpr std::size_t kBulkBytes = std::size_t{48} << 10;
constexpr unsigned kBulkStages = 3;
constexpr unsigned kBulkBlocks = 2;  // on each multiprocessor

/// A kernel an operation, which takes what `cut` makes of the arrays of a set, and `extra`.
template <class Map, class X, class... Extra>
Work one_kernel(const Target& target, const Map& map, void (*kernel)(Map, X, Extra...),
                const Shape& shape, X (*cut)(const Arrays&, std::uint64_t),
                std::type_identity_t<Extra>... extra) {
  return work_by(target.arrays.sets,
                 [=, arrays = target.arrays](const Stream& stream, std::uint64_t set) {
                   launch(stream, kernel, shape, map, cut(arrays, set), extra...);
                 });
}

/// `unrolled` and `bulk`, on all multiprocessors or one block on each of some.
template <class W, class Map, class Kernel, class... Extra>
Work by_tiles(const Target& target, const Map& map, Kernel kernel, Shape shape, Extra... extra) {
  const auto seen = place(target.device(), kernel, shape, target.limit);
  Work work =
      one_kernel(target, map, kernel, shape, &packs_of<W, Map::kArrays>, extra..., seen->data());
  work.seen = seen;
  return work;
}

template <class Map, class W>
Work make_unrolled(const Target& target, const Map& map) {
  // One block for each multiprocessor has to bring more threads to keep as much in flight.
  Shape shape{1, target.limit > 0 ? kAloneThreads : kMapThreads, 0};
  const std::uint64_t packs = packs_of<W, Map::kArrays>(target.arrays, 0).packs;
  const auto made = [&]<int kPacks>(std::integral_constant<int, kPacks>) {
    // A block for each tile: hardware hands them out as multiprocessors become free, and a small
    // array spreads over all of them.
    const std::uint64_t tiles = ceil_div(packs, std::uint64_t{shape.threads} * kPacks);
    shape.blocks = std::clamp<std::uint64_t>(tiles, 1, kMostBlocks);
    return by_tiles<W>(target, map, &map_unrolled<Map, W, kPacks>, shape);
  };
  const auto multiprocessors =
      static_cast<std::uint64_t>(target.device().properties().multiprocessors);
  // Fewer packs a thread as long as there are not two blocks for each multiprocessor.
  const std::uint64_t enough = 2 * multiprocessors * shape.threads;
  if (target.limit > 0 || packs >= enough * kMostPacks) {
    return made(std::integral_constant<int, kMostPacks>{});
  }
  if (packs >= enough * 2) return made(std::integral_constant<int, 2>{});
  return made(std::integral_constant<int, 1>{});
}

template <class Map, class W>
Work make_bulk(const Target& target, const Map& map) {
  const bool limited = target.limit > 0;
  const unsigned blocks = limited ? 1 : kBulkBlocks;
  const auto multiprocessors =
      static_cast<std::uint64_t>(target.device().properties().multiprocessors);
  const std::uint64_t packs = packs_of<W, Map::kArrays>(target.arrays, 0).packs;
  Ring ring{kBulkStages, Map::kInputs, 0};
  // Tiles shrink as long as some block would have none.
  const std::uint64_t share = ceil_div(packs, multiprocessors * blocks * kBulkStages);
  const std::uint64_t most = kBulkBytes / 16 / kBulkStages / blocks / Map::kInputs;
  const std::uint64_t tile = std::min(most, share) / kMapThreads * kMapThreads;
  ring.packs = static_cast<unsigned>(std::max<std::uint64_t>(tile, kMapThreads));
  Shape shape{1, kMapThreads, ring.shared_bytes()};
  shape.blocks =
      std::clamp<std::uint64_t>(ceil_div(packs, ring.packs), 1, multiprocessors * blocks);
  return by_tiles<W>(target, map, &map_bulk<Map, W>, shape, ring);
}

}  // namespace

bool has_bulk(const Device& device) {
  if (device.properties().major < 9) return false;
  cudaFuncAttributes attributes{};
  device.select();
  // Any of the kernels that use bulk copies.
  const auto kernel = &map_bulk<arrays::Double, float>;
  device.check(cudaFuncGetAttributes(&attributes, kernel), "looking at a kernel");
  // Code for an older device, compiled anew by the driver, has no body.
  return attributes.ptxVersion >= 90;
}

Work map_by(Step step, const Target& target) {
  if (step == Step::bulk && !has_bulk(target.device())) {
    throw Unavailable(target.device().name() +
                      ": bulk copies need compute capability 9.0 or newer, of the device and among "
                      "the architectures of the build");
  }
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) -> Work {
    const auto elements = &elements_of<W, Map::kArrays>;
    const auto packs = &packs_of<W, Map::kArrays>;
    // A thread for each of `count`, or as many as run at a time.
    const auto enough = [](std::uint64_t count) { return ceil_div(count, kMapThreads); };
    const auto at_a_time = [&](auto kernel, std::uint64_t count) {
      return filling(target.device(), kernel, {1, kMapThreads, 0}, enough(count));
    };
    const std::uint64_t n = target.arrays.elements;
    switch (step) {
      case Step::naive: {
        const Shape shape{std::max<std::uint64_t>(enough(n), 1), kMapThreads, 0};
        return one_kernel(target, map, &map_naive<Map, W>, shape, elements);
      }
      case Step::grid_stride: {
        const auto kernel = &map_grid_stride<Map, W>;
        return one_kernel(target, map, kernel, at_a_time(kernel, n), elements);
      }
      case Step::vector: {
        const auto kernel = &map_vector<Map, W>;
        const Shape shape = at_a_time(kernel, packs(target.arrays, 0).packs);
        return one_kernel(target, map, kernel, shape, packs);
      }
      case Step::unrolled:
        return make_unrolled<Map, W>(target, map);
      case Step::bulk:
        return make_bulk<Map, W>(target, map);
      default:
        throw std::invalid_argument("no step for maps");
    }
  });
}

}  // namespace crossover::gpu
