#include <cstring>
#include <string>

#include "gpu/for_workload.hpp"
#include "gpu/placement.hpp"
#include "gpu/sum_kernels.cuh"

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

template <class T>
Total as_total(T sum) {
  if constexpr (std::is_floating_point_v<T>) return {.real = sum};
  return {.integer = static_cast<std::uint64_t>(sum)};
}

/// What the steps have in common. A result lies in page-locked host memory, which the last block
/// writes straight into: no copy, which would cost more than a small sum.
template <class T>  // of a sum on the device
class OwnSum final : public Work {
 public:
  /// `put(stream, set, *this)` puts one operation into the stream.
  using Put = std::function<void(const Stream&, std::uint64_t set, const OwnSum&)>;

  OwnSum(const Target& target, int launches, std::uint64_t partials, Rounding rounding, Put put)
      : sets_(target.arrays.sets),
        launches_(launches),
        rounding_(rounding),
        put_(std::move(put)),
        results_(target.device(), sets_),
        partials_(target.device(), partials) {}

  void enqueue(const Stream& stream, std::int64_t first, std::int64_t operations) override {
    for (std::int64_t i = first; i < first + operations; ++i) {
      put_(stream, static_cast<std::uint64_t>(i) % sets_, *this);
    }
  }
  int launches() const override { return launches_; }
  Rounding rounding() const override { return rounding_; }
  Total sum(std::uint64_t set) const override { return as_total(results_[set]); }
  void poison() override { std::memset(results_.data(), 0xff, sets_ * sizeof(T)); }
  std::string misplaced() const override {
    return placement_ ? placement_->misplaced() : std::string{};
  }

  /// Of single-pass: tickets, cleared in the stream, and blocks that have their places.
  void take_tickets(const Target& target, std::optional<OneBlockEach> placement) {
    placement_ = std::move(placement);
    tickets_ = DeviceArray<unsigned>(target.device(), 1);
    target.device().check(
        cudaMemsetAsync(tickets_.data(), 0, sizeof(unsigned), target.stream.get()),
        "clearing the tickets");
  }

  T* result(std::uint64_t set) const { return results_.data() + set; }
  T* partials() const { return partials_.data(); }
  unsigned* tickets() const { return tickets_.data(); }
  unsigned* seen() const { return placement_ ? placement_->seen() : nullptr; }

 private:
  std::uint64_t sets_;
  int launches_;
  Rounding rounding_;
  Put put_;
  PinnedArray<T> results_;
  DeviceArray<T> partials_;
  DeviceArray<unsigned> tickets_;
  std::optional<OneBlockEach> placement_;
};

/// `shared`, `shuffle` and `vector`: a kernel that leaves a sum a block of what `cut` makes of the
/// arrays of a set, and one that adds them up.
template <class Sum, class X, class T>
std::unique_ptr<Work> two_kernels(const Target& target, const Sum& sum, void (*kernel)(Sum, X, T*),
                                  const Shape& shape, X (*cut)(const Arrays&, std::uint64_t),
                                  Rounding rounding) {
  return std::make_unique<OwnSum<T>>(
      target, 2, shape.blocks, rounding,
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, const OwnSum<T>& own) {
        launch(stream, kernel, shape, sum, cut(arrays, set), own.partials());
        launch(stream, &sum_finish<T>, Shape{1, kSumThreads, 0},
               static_cast<const T*>(own.partials()), shape.blocks, own.result(set));
      });
}

template <class Sum, class W>
std::unique_ptr<Work> make_atomic(const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  const std::uint64_t blocks = ceil_div(target.arrays.elements, kSumThreads);
  return std::make_unique<OwnSum<T>>(
      target, 3, 1, Rounding{},
      [=, arrays = target.arrays,
       shape = Shape{std::max<std::uint64_t>(blocks, 1), kSumThreads, 0}](
          const Stream& stream, std::uint64_t set, const OwnSum<T>& own) {
        stream.device().check(cudaMemsetAsync(own.partials(), 0, sizeof(T), stream.get()),
                              "clearing the sum");
        launch(stream, &sum_atomic<Sum, W>, shape, sum, elements_of<W, Sum::kArrays>(arrays, set),
               own.partials());
        stream.device().check(cudaMemcpyAsync(own.result(set), own.partials(), sizeof(T),
                                              cudaMemcpyDeviceToHost, stream.get()),
                              "copying the sum");
      });
}

template <class Sum, class W>
std::unique_ptr<Work> make_textbook(const Target& target, const Sum& sum,
                                    void (*kernel)(Sum, Elements<W, Sum::kArrays>, TotalOf<W>*)) {
  const std::uint64_t blocks = ceil_div(target.arrays.elements, kSumThreads);
  const Shape shape{std::clamp<std::uint64_t>(blocks, 1, kTextbookBlocks), kSumThreads, 0};
  return two_kernels(target, sum, kernel, shape, &elements_of<W, Sum::kArrays>, Rounding{});
}

/// As many blocks as run at a time, for tiles of kPacks packs a thread.
template <class Kernel>
Shape filling_tiles(const Target& target, Kernel kernel, std::uint64_t packs) {
  return filling(target.device(), kernel, {1, kSumThreads, 0},
                 ceil_div(packs, std::uint64_t{kSumThreads} * kPacks));
}

template <class Sum, class W>
std::unique_ptr<Work> make_single_pass(const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  const auto kernel = &sum_single_pass<Sum, W, kPacks>;
  const std::uint64_t packs = packs_of<W, Sum::kArrays>(target.arrays, 0).packs;
  Shape shape{1, OneBlockEach::kThreads, 0};
  if (target.limit.count == 0 && packs * 16 > kOneBlockBytes) {
    shape = filling_tiles(target, kernel, packs);
  }
  std::optional<OneBlockEach> placement = place(target.device(), kernel, shape, target.limit);
  auto made = std::make_unique<OwnSum<T>>(
      target, 1, shape.blocks, tree_rounding<W, kPacks>(),
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, const OwnSum<T>& own) {
        launch(stream, kernel, shape, sum, packs_of<W, Sum::kArrays>(arrays, set), own.partials(),
               own.tickets(), own.result(set), own.seen());
      });
  made->take_tickets(target, std::move(placement));
  return made;
}

template <class Sum, class W>
class OwnSegmentedSum final : public SegmentedSum {
 public:
  using T = TotalOf<W>;
  OwnSegmentedSum(const Target& target, const Sum& sum)
      : sum_(sum),
        x_(packs_of<W, Sum::kArrays>(target.arrays, 0)),
        elements_(target.arrays.elements),
        // By elements, so that no segment waits for the tail that comes with the next part.
        segments_(std::max<std::uint64_t>(ceil_div(elements_, kSegmentBytes / sizeof(W)), 1)),
        partials_(target.device(), segments_),
        result_(target.device(), 1) {
    if (x_.head_size > 0) throw std::invalid_argument("a sum in parts starts at 16 bytes");
  }
  std::uint64_t granularity() const override { return kSegmentBytes / sizeof(W); }
  void enqueue_part(const Stream& stream, std::uint64_t first, std::uint64_t count) override {
    const std::uint64_t segment = first / granularity();
    const std::uint64_t end =
        first + count >= elements_ ? segments_ : (first + count) / granularity();
    launch(stream, &sum_segments<Sum, W, kPacks>, Shape{end - segment, kSumThreads, 0}, sum_, x_,
           kSegmentBytes / 16, segment, segments_ - 1, partials_.data());
  }
  void enqueue_finish(const Stream& stream) override {
    launch(stream, &sum_finish<T>, Shape{1, OneBlockEach::kThreads, 0},
           static_cast<const T*>(partials_.data()), segments_, result_.data());
  }
  Total sum() const override { return as_total(result_[0]); }
  void poison() override { std::memset(result_.data(), 0xff, sizeof(T)); }
  Rounding rounding() const override { return tree_rounding<W, kPacks>(); }

 private:
  Sum sum_;
  Packed<W, Sum::kArrays> x_;
  std::uint64_t elements_;
  std::uint64_t segments_;
  DeviceArray<T> partials_;
  PinnedArray<T> result_;
};

}  // namespace

namespace sums {

std::unique_ptr<Work> atomic(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return make_atomic<Sum, W>(target, sum);
  });
}

std::unique_ptr<Work> shared(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return make_textbook<Sum, W>(target, sum, &sum_shared<Sum, W>);
  });
}

std::unique_ptr<Work> shuffle(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return make_textbook<Sum, W>(target, sum, &sum_shuffle<Sum, W>);
  });
}

std::unique_ptr<Work> vector(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    const auto kernel = &sum_vector<Sum, W, kPacks>;
    const auto cut = &packs_of<W, Sum::kArrays>;
    return two_kernels(target, sum, kernel,
                       filling_tiles(target, kernel, cut(target.arrays, 0).packs), cut,
                       tree_rounding<W, kPacks>());
  });
}

std::unique_ptr<Work> single_pass(const Target& target) {
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
    return make_single_pass<Sum, W>(target, sum);
  });
}

}  // namespace sums

std::unique_ptr<SegmentedSum> make_segmented_sum(const Target& target) {
  return for_sum<SegmentedSum>(target,
                               [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
                                 return std::make_unique<OwnSegmentedSum<Sum, W>>(target, sum);
                               });
}

}  // namespace crossover::gpu
