#include <optional>
#include <string>
#include <tuple>

#include "common/model.hpp"
#include "gpu/double_kernels.cuh"
#include "gpu/fill_kernels.cuh"
#include "gpu/placement.hpp"

namespace crossover::gpu {

namespace {

/// `unrolled`'s loads in flight a thread, and bulk's bytes in flight a multiprocessor: to be set
/// from measurements. Until then 4 and 48 KiB, at which CUB's transform settled on an H200.
constexpr int kMostPacks = 4;
constexpr std::size_t kBulkBytes = std::size_t{48} << 10;
constexpr unsigned kBulkStages = 3;
constexpr unsigned kBulkBlocks = 2;  // on each multiprocessor

template <class W>
class DoubleElements final : public Work {
 public:
  using Kernel = void (*)(W*, std::uint64_t);
  DoubleElements(Kernel kernel, Shape shape, W* x, std::uint64_t n)
      : kernel_(kernel), shape_(shape), x_(x), n_(n) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) launch(stream, kernel_, shape_, x_, n_);
  }

 private:
  Kernel kernel_;
  Shape shape_;
  W* x_;
  std::uint64_t n_;
};

template <class W>
class DoublePacks final : public Work {
 public:
  using Kernel = void (*)(Packed<W>);
  DoublePacks(Kernel kernel, Shape shape, Packed<W> x) : kernel_(kernel), shape_(shape), x_(x) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) launch(stream, kernel_, shape_, x_);
  }

 private:
  Kernel kernel_;
  Shape shape_;
  Packed<W> x_;
};

/// `unrolled` and `bulk`, on all multiprocessors or one block on each of some.
template <class W, class... Extra>
class DoubleTiles final : public Work {
 public:
  using Kernel = void (*)(Packed<W>, Extra..., unsigned*);
  DoubleTiles(const Device& device, Kernel kernel, Shape shape, Multiprocessors limit, Packed<W> x,
              Extra... extra)
      : kernel_(kernel), shape_(shape), x_(x), extra_(extra...) {
    if (limit.count > 0) {
      placement_.emplace(device, limit.count);
      shape_.blocks = static_cast<std::uint64_t>(limit.count);
      shape_.shared_bytes = OneBlockEach::shared_bytes(device, shape.shared_bytes);
    }
    if (shape_.shared_bytes > 0) allow_shared(device, kernel, shape_.shared_bytes);
  }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    unsigned* const seen = placement_ ? placement_->seen() : nullptr;
    for (std::int64_t i = 0; i < operations; ++i) {
      std::apply(
          [&](const Extra&... extra) { launch(stream, kernel_, shape_, x_, extra..., seen); },
          extra_);
    }
  }
  std::string misplaced() const override {
    return placement_ ? placement_->misplaced() : std::string{};
  }

 private:
  Kernel kernel_;
  Shape shape_;
  Packed<W> x_;
  std::tuple<Extra...> extra_;
  std::optional<OneBlockEach> placement_;
};

/// As many blocks as run at a time, and no more than there is work for.
template <class Kernel>
Shape filling(const Device& device, Kernel kernel, Shape shape, std::uint64_t most) {
  const auto resident =
      static_cast<std::uint64_t>(blocks_per_multiprocessor(device, kernel, shape)) *
      static_cast<std::uint64_t>(device.properties().multiprocessors);
  shape.blocks = std::clamp<std::uint64_t>(most, 1, resident);
  return shape;
}

template <class W>
std::unique_ptr<Work> unrolled(const Device& device, Packed<W> x, Multiprocessors limit) {
  // One block for each multiprocessor has to bring more threads to keep as much in flight.
  Shape shape{1, limit.count > 0 ? OneBlockEach::kThreads : kDoubleThreads, 0};
  const auto made = [&]<int kPacks>(std::integral_constant<int, kPacks>) -> std::unique_ptr<Work> {
    // A block for each tile: hardware hands them out as multiprocessors become free, and a small
    // array spreads over all of them.
    const std::uint64_t tiles = ceil_div(x.packs, std::uint64_t{shape.threads} * kPacks);
    shape.blocks = std::clamp<std::uint64_t>(tiles, 1, kMostBlocks);
    return std::make_unique<DoubleTiles<W>>(device, &double_unrolled<W, kPacks>, shape, limit, x);
  };
  const auto multiprocessors = static_cast<std::uint64_t>(device.properties().multiprocessors);
  // Fewer packs a thread as long as there are not two blocks for each multiprocessor.
  const std::uint64_t enough = 2 * multiprocessors * shape.threads;
  if (limit.count > 0 || x.packs >= enough * kMostPacks) {
    return made(std::integral_constant<int, kMostPacks>{});
  }
  if (x.packs >= enough * 2) return made(std::integral_constant<int, 2>{});
  return made(std::integral_constant<int, 1>{});
}

template <class W>
std::unique_ptr<Work> bulk(const Device& device, Packed<W> x, Multiprocessors limit) {
  if (!has_bulk(device)) {
    throw Unavailable(device.name() +
                      ": bulk copies need compute capability 9.0 or newer, of the device and among "
                      "the architectures of the build");
  }
  const unsigned blocks = limit.count > 0 ? 1 : kBulkBlocks;
  const auto multiprocessors = static_cast<std::uint64_t>(device.properties().multiprocessors);
  Ring ring{kBulkStages, 0};
  // Tiles shrink as long as some block would have none.
  const std::uint64_t share = ceil_div(x.packs, multiprocessors * blocks * kBulkStages);
  const std::uint64_t most = kBulkBytes / 16 / kBulkStages / blocks;
  const std::uint64_t packs = std::min(most, share) / kDoubleThreads * kDoubleThreads;
  ring.packs = static_cast<unsigned>(std::max<std::uint64_t>(packs, kDoubleThreads));
  Shape shape{1, kDoubleThreads, ring.shared_bytes()};
  shape.blocks =
      std::clamp<std::uint64_t>(ceil_div(x.packs, ring.packs), 1, multiprocessors * blocks);
  return std::make_unique<DoubleTiles<W, Ring>>(device, &double_bulk<W>, shape, limit, x, ring);
}

}  // namespace

bool has_bulk(const Device& device) {
  if (device.properties().major < 9) return false;
  cudaFuncAttributes attributes{};
  device.select();
  device.check(cudaFuncGetAttributes(&attributes, &double_bulk<float>), "looking at a kernel");
  // Code for an older device, compiled anew by the driver, has no body.
  return attributes.ptxVersion >= 90;
}

template <class T>
std::unique_ptr<Work> make_double(const Device& device, std::string_view step, T* data,
                                  std::uint64_t n, Multiprocessors limit) {
  using W = Word<T>;
  auto* const x = reinterpret_cast<W*>(data);
  if (limit.count > 0 && step != "unrolled" && step != "bulk") {
    throw Unavailable(std::string(step) + " runs on all multiprocessors only");
  }
  if (step == "naive") {
    const Shape shape{std::max<std::uint64_t>(ceil_div(n, kDoubleThreads), 1), kDoubleThreads, 0};
    return std::make_unique<DoubleElements<W>>(&double_naive<W>, shape, x, n);
  }
  if (step == "grid-stride") {
    const Shape shape = filling(device, &double_grid_stride<W>, {1, kDoubleThreads, 0},
                                ceil_div(n, kDoubleThreads));
    return std::make_unique<DoubleElements<W>>(&double_grid_stride<W>, shape, x, n);
  }
  const Packed<W> cut = packed(x, n);
  if (step == "vector") {
    const Shape shape = filling(device, &double_vector<W>, {1, kDoubleThreads, 0},
                                ceil_div(cut.packs, kDoubleThreads));
    return std::make_unique<DoublePacks<W>>(&double_vector<W>, shape, cut);
  }
  if (step == "unrolled") return unrolled(device, cut, limit);
  if (step == "bulk") return bulk(device, cut, limit);
  throw std::invalid_argument("double has no step '" + std::string(step) + "'");
}

template <class T>
void fill_double(const Stream& stream, T* x, std::uint64_t first, std::uint64_t count,
                 std::uint32_t salt) {
  const Shape shape = filling(stream.device(), &double_input<T>, {1, 256, 0}, ceil_div(count, 256));
  launch(stream, &double_input<T>, shape, reinterpret_cast<BitsOf<T>*>(x), first, count, salt);
}

template <class T>
void fill_sum(const Stream& stream, T* x, std::uint64_t first, std::uint64_t count,
              std::uint32_t salt) {
  const Shape shape = filling(stream.device(), &sum_input<T>, {1, 256, 0}, ceil_div(count, 256));
  launch(stream, &sum_input<T>, shape, reinterpret_cast<BitsOf<T>*>(x), first, count, salt);
}

#define CROSSOVER_INSTANTIATE(T)                                                                \
  template std::unique_ptr<Work> make_double<T>(const Device&, std::string_view, T*,            \
                                                std::uint64_t, Multiprocessors);                \
  template void fill_double<T>(const Stream&, T*, std::uint64_t, std::uint64_t, std::uint32_t); \
  template void fill_sum<T>(const Stream&, T*, std::uint64_t, std::uint64_t, std::uint32_t);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover::gpu
