#include <string>

#include "common/model.hpp"
#include "gpu/for_workload.hpp"
#include "gpu/launch.hpp"
#include "gpu/map_kernels.cuh"

namespace crossover::gpu {

namespace {

/// `unrolled`'s loads in flight a thread.
constexpr int kUnrolled = 4;
/// The ring of `bulk`, in each block: 3 stages, 48 KiB together, the bytes in flight on a
/// multiprocessor at which CUB's transform settles on an H200. No other ring was faster there by
/// more than 5 % (32 to 160 KiB, 1 to 5 stages, 2 to 8 blocks a multiprocessor).
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

/// A block for each `tile` packs: hardware hands them out as multiprocessors become free, and a
/// small array spreads over all of them.
Shape tiles_of(std::uint64_t packs, std::uint64_t tile, const Form& form) {
  Shape shape{std::clamp<std::uint64_t>(ceil_div(packs, tile), 1, kMostBlocks), form.threads, 0};
  shape.dependent = form.dependent;
  return shape;
}

/// `unrolled` and `bulk`, on all multiprocessors or one block on each of some.
template <class W, class Map, class Kernel, class... Extra>
Work on_some(const Target& target, const Map& map, Kernel kernel, Shape shape, Extra... extra) {
  const auto seen = place(target.device(), kernel, shape, target.limit);
  Work work =
      one_kernel(target, map, kernel, shape, &packs_of<W, Map::kArrays>, extra..., seen->data());
  work.seen = seen;
  return work;
}

template <class Map, class W>
Work make_unrolled(const Target& target, const Map& map) {
  // One block for each multiprocessor has to bring more threads to keep as much in flight.
  const Form form{Step::unrolled, target.limit > 0 ? kAloneThreads : kMapThreads};
  const std::uint64_t packs = packs_of<W, Map::kArrays>(target.arrays, 0).packs;
  return on_some<W>(target, map, &map_unrolled<Map, W, kUnrolled>,
                    tiles_of(packs, std::uint64_t{form.threads} * kUnrolled, form));
}

template <class Map, class W>
Work make_bulk(const Target& target, const Map& map) {
  const unsigned blocks = target.limit > 0 ? 1 : kBulkBlocks;
  const auto multiprocessors = static_cast<std::uint64_t>(
      target.limit > 0 ? target.limit : target.device().properties().multiprocessors);
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
  return on_some<W>(target, map, &map_bulk<Map, W>, shape, ring);
}

}  // namespace

bool has_9_0(const Device& device) {
  if (device.properties().major < 9) return false;
  cudaFuncAttributes attributes{};
  device.select();
  // Any of the kernels that need it.
  const auto kernel = &map_bulk<arrays::Double, float>;
  device.check(cudaFuncGetAttributes(&attributes, kernel), "looking at a kernel");
  // Code for an older device, compiled anew by the driver, has no body.
  return attributes.ptxVersion >= 90;
}

void require_9_0(const Device& device) {
  if (has_9_0(device)) return;
  throw Unavailable(device.name() +
                    ": bulk copies and dependent launches need compute capability 9.0 or newer, of "
                    "the device and among the architectures of the build");
}

Work map_by(const Form& form, const Target& target) {
  const Step step = form.step;
  if (step == Step::bulk || step == Step::tile || form.dependent) require_9_0(target.device());
  return for_map(target, [&]<class Map, class W>(const Map& map, std::type_identity<W>) -> Work {
    const auto elements = &elements_of<W, Map::kArrays>;
    const auto packs = &packs_of<W, Map::kArrays>;
    // As many blocks as run at a time, with a thread for each of `count` if there are so many.
    const auto at_a_time = [&](auto kernel, std::uint64_t count) {
      return filling(target.device(), kernel, {1, kMapThreads, 0}, ceil_div(count, kMapThreads));
    };
    const std::uint64_t n = target.arrays.elements;
    const std::uint64_t pack_count = packs(target.arrays, 0).packs;
    switch (step) {
      case Step::naive:
        return one_kernel(target, map, &map_naive<Map, W>, tiles_of(n, kMapThreads, {}), elements);
      case Step::grid_stride: {
        const auto kernel = &map_grid_stride<Map, W>;
        return one_kernel(target, map, kernel, at_a_time(kernel, n), elements);
      }
      case Step::vector: {
        const auto kernel = &map_vector<Map, W>;
        return one_kernel(target, map, kernel, at_a_time(kernel, pack_count), packs);
      }
      case Step::unrolled:
        return make_unrolled<Map, W>(target, map);
      case Step::pack: {
        const auto kernel = form.dependent ? &map_pack<Map, W, true> : &map_pack<Map, W, false>;
        return one_kernel(target, map, kernel, tiles_of(pack_count, form.threads, form), packs);
      }
      case Step::bulk:
        return make_bulk<Map, W>(target, map);
      case Step::tile: {
        const auto kernel = form.dependent ? &map_tile<Map, W, true> : &map_tile<Map, W, false>;
        Shape shape = tiles_of(pack_count, form.threads, form);
        shape.shared_bytes = tile_shared_bytes<Map>(form.threads);
        return one_kernel(target, map, kernel, shape, packs);
      }
      default:
        throw std::invalid_argument("no step for maps");
    }
  });
}

}  // namespace crossover::gpu
