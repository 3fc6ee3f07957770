#include <cstring>
#include <optional>
#include <string>
#include <tuple>

#include "common/model.hpp"
#include "gpu/placement.hpp"
#include "gpu/reduce_kernels.cuh"

namespace crossover::gpu {

namespace {

/// Loads in flight a thread: to be set from measurements. Until then 4 packs, 16 floats: what CUB's
/// sum reads at a time on compute capability 9.0.
constexpr int kPacks = 4;
/// Blocks of the textbook steps: one 8-byte partial sum each.
constexpr std::uint64_t kTextbookBlocks = 1024;
/// One block of `single-pass` takes up to this many bytes alone: to exchange partial sums through
/// global memory costs about what a block needs to read them. To be set from measurements.
constexpr std::uint64_t kOneBlockBytes = std::uint64_t{32} << 10;
/// A segment of a sum in parts: small enough that a few megabytes occupy every multiprocessor.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{256} << 10;

/// The result in page-locked host memory, which the last block writes straight into: no copy, which
/// would cost more than a small sum.
template <class T>
class OwnSum : public SumWork<T> {
 public:
  using W = Word<T>;
  using Total = TotalOf<W>;
  explicit OwnSum(const Device& device) : result_(device, 1) {}
  SumOf<T> sum() const override {
    SumOf<T> value;
    std::memcpy(&value, result_.data(), sizeof value);
    return value;
  }
  void poison() override { std::memset(result_.data(), 0xff, sizeof(Total)); }

 protected:
  PinnedArray<Total> result_;
};

template <class T>
class AtomicSum final : public OwnSum<T> {
 public:
  using typename OwnSum<T>::W;
  using typename OwnSum<T>::Total;
  AtomicSum(const Device& device, const W* x, std::uint64_t n)
      : OwnSum<T>(device), total_(device, 1), x_(x), n_(n) {}
  int launches() const override { return 3; }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    const Shape shape{std::max<std::uint64_t>(ceil_div(n_, kReduceThreads), 1), kReduceThreads, 0};
    for (std::int64_t i = 0; i < operations; ++i) {
      stream.device().check(cudaMemsetAsync(total_.data(), 0, sizeof(Total), stream.get()),
                            "clearing the sum");
      launch(stream, &reduce_atomic<W>, shape, x_, n_, total_.data());
      stream.device().check(cudaMemcpyAsync(this->result_.data(), total_.data(), sizeof(Total),
                                            cudaMemcpyDeviceToHost, stream.get()),
                            "copying the sum");
    }
  }

 private:
  DeviceArray<Total> total_;
  const W* x_;
  std::uint64_t n_;
};

/// `shared`, `shuffle` and `vector`: a kernel that leaves a sum a block, and one that adds them up.
template <class T, class... Input>
class TwoKernelSum final : public OwnSum<T> {
 public:
  using typename OwnSum<T>::W;
  using typename OwnSum<T>::Total;
  using Kernel = void (*)(Input..., Total*);
  TwoKernelSum(const Device& device, Kernel kernel, Shape shape, reduction::Rounding rounding,
               Input... input)
      : OwnSum<T>(device),
        partials_(device, shape.blocks),
        kernel_(kernel),
        shape_(shape),
        rounding_(rounding),
        input_(input...) {}
  int launches() const override { return 2; }
  reduction::Rounding rounding() const override { return rounding_; }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      std::apply(
          [&](const Input&... input) {
            launch(stream, kernel_, shape_, input..., partials_.data());
          },
          input_);
      launch(stream, &reduce_finish<Total>, Shape{1, kReduceThreads, 0},
             static_cast<const Total*>(partials_.data()), shape_.blocks, this->result_.data());
    }
  }

 private:
  DeviceArray<Total> partials_;
  Kernel kernel_;
  Shape shape_;
  reduction::Rounding rounding_;
  std::tuple<Input...> input_;
};

template <class T>
class SinglePassSum final : public OwnSum<T> {
 public:
  using typename OwnSum<T>::W;
  using typename OwnSum<T>::Total;
  SinglePassSum(const Device& device, Packed<const W> x, Multiprocessors limit)
      : OwnSum<T>(device), x_(x) {
    const auto kernel = &reduce_single_pass<W, kPacks>;
    if (limit.count > 0) {
      placement_.emplace(device, limit.count);
      shape_ = {static_cast<std::uint64_t>(limit.count), OneBlockEach::kThreads,
                OneBlockEach::shared_bytes(device, 0)};
      allow_shared(device, kernel, shape_.shared_bytes);
    } else if (x.packs * 16 <= kOneBlockBytes) {
      shape_ = {1, OneBlockEach::kThreads, 0};
    } else {
      shape_ = {1, kReduceThreads, 0};
      const std::uint64_t tiles = ceil_div(x.packs, std::uint64_t{kReduceThreads} * kPacks);
      const auto resident =
          static_cast<std::uint64_t>(blocks_per_multiprocessor(device, kernel, shape_)) *
          static_cast<std::uint64_t>(device.properties().multiprocessors);
      shape_.blocks = std::clamp<std::uint64_t>(tiles, 1, resident);
    }
    partials_ = DeviceArray<Total>(device, shape_.blocks);
    tickets_ = DeviceArray<unsigned>(device, 1);
    const unsigned zero = 0;
    device.check(cudaMemcpy(tickets_.data(), &zero, sizeof zero, cudaMemcpyHostToDevice),
                 "clearing the tickets");
  }
  reduction::Rounding rounding() const override { return tree_rounding<W, kPacks>(); }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    unsigned* const seen = placement_ ? placement_->seen() : nullptr;
    for (std::int64_t i = 0; i < operations; ++i) {
      launch(stream, &reduce_single_pass<W, kPacks>, shape_, x_, partials_.data(), tickets_.data(),
             this->result_.data(), seen);
    }
  }
  std::string misplaced() const override {
    return placement_ ? placement_->misplaced() : std::string{};
  }

 private:
  Packed<const W> x_;
  Shape shape_;
  DeviceArray<Total> partials_;
  DeviceArray<unsigned> tickets_;
  std::optional<OneBlockEach> placement_;
};

template <class T>
class OwnSegmentedSum final : public SegmentedSum<T> {
 public:
  using W = Word<T>;
  using Total = TotalOf<W>;
  OwnSegmentedSum(const Device& device, const W* x, std::uint64_t n)
      : x_(packed(x, n)),
        elements_(n),
        // By elements, so that no segment waits for the tail that comes with the next part.
        segments_(std::max<std::uint64_t>(ceil_div(n, kSegmentBytes / sizeof(T)), 1)),
        partials_(device, segments_),
        result_(device, 1) {
    if (x_.head_size > 0) throw std::invalid_argument("a sum in parts starts at 16 bytes");
  }
  std::uint64_t granularity() const override { return kSegmentBytes / sizeof(T); }
  void enqueue_part(const Stream& stream, std::uint64_t first, std::uint64_t count) override {
    const std::uint64_t segment = first / granularity();
    const std::uint64_t end =
        first + count >= elements_ ? segments_ : (first + count) / granularity();
    launch(stream, &reduce_segments<W, kPacks>, Shape{end - segment, kReduceThreads, 0}, x_,
           kSegmentPacks, segment, segments_ - 1, partials_.data());
  }
  void enqueue_finish(const Stream& stream) override {
    launch(stream, &reduce_finish<Total>, Shape{1, OneBlockEach::kThreads, 0},
           static_cast<const Total*>(partials_.data()), segments_, result_.data());
  }
  SumOf<T> sum() const override {
    SumOf<T> value;
    std::memcpy(&value, result_.data(), sizeof value);
    return value;
  }
  void poison() override { std::memset(result_.data(), 0xff, sizeof(Total)); }
  reduction::Rounding rounding() const override { return tree_rounding<W, kPacks>(); }

 private:
  static constexpr std::uint64_t kSegmentPacks = kSegmentBytes / 16;
  Packed<const W> x_;
  std::uint64_t elements_;
  std::uint64_t segments_;
  DeviceArray<Total> partials_;
  PinnedArray<Total> result_;
};

}  // namespace

template <class T>
std::unique_ptr<SumWork<T>> make_sum(const Device& device, std::string_view step, const T* data,
                                     std::uint64_t n, Multiprocessors limit) {
  using W = Word<T>;
  const auto* const x = reinterpret_cast<const W*>(data);
  if (limit.count > 0 && step != "single-pass") {
    throw Unavailable(std::string(step) + " runs on all multiprocessors only");
  }
  if (step == "atomic") return std::make_unique<AtomicSum<T>>(device, x, n);
  if (step == "shared" || step == "shuffle") {
    using Elements = TwoKernelSum<T, const W*, std::uint64_t>;
    const Shape shape{std::clamp<std::uint64_t>(ceil_div(n, kReduceThreads), 1, kTextbookBlocks),
                      kReduceThreads, 0};
    return std::make_unique<Elements>(device,
                                      step == "shared" ? &reduce_shared<W> : &reduce_shuffle<W>,
                                      shape, reduction::Rounding{0, 0}, x, n);
  }
  const Packed<const W> cut = packed(x, n);
  if (step == "vector") {
    Shape shape{1, kReduceThreads, 0};
    const auto kernel = &reduce_vector<W, kPacks>;
    const auto resident =
        static_cast<std::uint64_t>(blocks_per_multiprocessor(device, kernel, shape)) *
        static_cast<std::uint64_t>(device.properties().multiprocessors);
    shape.blocks = std::clamp<std::uint64_t>(
        ceil_div(cut.packs, std::uint64_t{kReduceThreads} * kPacks), 1, resident);
    return std::make_unique<TwoKernelSum<T, Packed<const W>>>(device, kernel, shape,
                                                              tree_rounding<W, kPacks>(), cut);
  }
  if (step == "single-pass") return std::make_unique<SinglePassSum<T>>(device, cut, limit);
  throw std::invalid_argument("reduce has no step '" + std::string(step) + "'");
}

template <class T>
std::unique_ptr<SegmentedSum<T>> make_segmented_sum(const Device& device, const T* x,
                                                    std::uint64_t n) {
  return std::make_unique<OwnSegmentedSum<T>>(device, reinterpret_cast<const Word<T>*>(x), n);
}

#define CROSSOVER_INSTANTIATE(T)                                                              \
  template std::unique_ptr<SumWork<T>> make_sum<T>(const Device&, std::string_view, const T*, \
                                                   std::uint64_t, Multiprocessors);           \
  template std::unique_ptr<SegmentedSum<T>> make_segmented_sum<T>(const Device&, const T*,    \
                                                                  std::uint64_t);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover::gpu
