#include <string>

#include "common/model.hpp"
#include "gpu/for_workload.hpp"
#include "gpu/map_kernels.cuh"
#include "gpu/placement.hpp"

namespace crossover::gpu {

namespace {

/// `unrolled`'s loads in flight a thread, and bulk's bytes in flight a multiprocessor: to be set
/// from measurements. Until then 4 and 48 KiB, at which CUB's transform settled on an H200.
constexpr int kMostPacks = 4;
constexpr std::size_t kBulkBytes = std::size_t{48} << 10;
constexpr unsigned kBulkStages = 3;
constexpr unsigned kBulkBlocks = 2;  // on each multiprocessor

/// The first steps, whose kernels take what `cut` makes of the arrays of a set.
template <class Map, class X>
std::unique_ptr<Work> simple(const Target& target, const Map& map, void (*kernel)(Map, X),
                             const Shape& shape, X (*cut)(const Arrays&, std::uint64_t)) {
  return std::make_unique<KernelWork>(
      target.arrays.sets,
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, unsigned*) {
        launch(stream, kernel, shape, map, cut(arrays, set));
      });
}

/// `unrolled` and `bulk`, on all multiprocessors or one block on each of some.
template <class W, class Map, class Kernel, class... Extra>
std::unique_ptr<Work> by_tiles(const Target& target, const Map& map, Kernel kernel, Shape shape,
                               Extra... extra) {
  std::optional<OneBlockEach> placement = place(target.device(), kernel, shape, target.limit);
  return std::make_unique<KernelWork>(
      target.arrays.sets,
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, unsigned* seen) {
        launch(stream, kernel, shape, map, packs_of<W, Map::kArrays>(arrays, set), extra..., seen);
      },
      std::move(placement));
}

template <class Map, class W>
std::unique_ptr<Work> make_unrolled(const Target& target, const Map& map) {
  // One block for each multiprocessor has to bring more threads to keep as much in flight.
  Shape shape{1, target.limit.count > 0 ? OneBlockEach::kThreads : kMapThreads, 0};
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
  if (target.limit.count > 0 || packs >= enough * kMostPacks) {
    return made(std::integral_constant<int, kMostPacks>{});
  }
  if (packs >= enough * 2) return made(std::integral_constant<int, 2>{});
  return made(std::integral_constant<int, 1>{});
}

template <class Map, class W>
std::unique_ptr<Work> make_bulk(const Target& target, const Map& map) {
  const bool limited = target.limit.count > 0;
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

namespace maps {

std::unique_ptr<Work> naive(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    const std::uint64_t blocks = ceil_div(target.arrays.elements, kMapThreads);
    return simple(target, map, &map_naive<Map, W>,
                  Shape{std::max<std::uint64_t>(blocks, 1), kMapThreads, 0},
                  &elements_of<W, Map::kArrays>);
  });
}

std::unique_ptr<Work> grid_stride(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    const auto kernel = &map_grid_stride<Map, W>;
    const std::uint64_t blocks = ceil_div(target.arrays.elements, kMapThreads);
    return simple(target, map, kernel,
                  filling(target.device(), kernel, {1, kMapThreads, 0}, blocks),
                  &elements_of<W, Map::kArrays>);
  });
}

std::unique_ptr<Work> vector(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    const auto kernel = &map_vector<Map, W>;
    const std::uint64_t packs = packs_of<W, Map::kArrays>(target.arrays, 0).packs;
    return simple(
        target, map, kernel,
        filling(target.device(), kernel, {1, kMapThreads, 0}, ceil_div(packs, kMapThreads)),
        &packs_of<W, Map::kArrays>);
  });
}

std::unique_ptr<Work> unrolled(const Target& target) {
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    return make_unrolled<Map, W>(target, map);
  });
}

std::unique_ptr<Work> bulk(const Target& target) {
  if (!has_bulk(target.device())) {
    throw Unavailable(target.device().name() +
                      ": bulk copies need compute capability 9.0 or newer, of the device and among "
                      "the architectures of the build");
  }
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) {
    return make_bulk<Map, W>(target, map);
  });
}

}  // namespace maps

}  // namespace crossover::gpu
