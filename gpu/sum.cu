#include <string>

#include "common/model.hpp"
#include "gpu/for_workload.hpp"
#include "gpu/launch.hpp"
#include "gpu/sum_kernels.cuh"

namespace crossover::gpu {

namespace {

/// Loads in flight a thread where a form does not say: 16 floats, what CUB's sum reads at a time on
/// compute capability 9.0.
constexpr int kPacks = 4;
/// Blocks of the textbook steps: one 8-byte partial sum each.
constexpr std::uint64_t kTextbookBlocks = 1024;
/// `ring`: see sum_ring().
constexpr unsigned kRingStages = 4;
constexpr unsigned kRingBytes = 32U << 10;  // a stage
constexpr unsigned kRingThreads = 512;
/// A segment of a sum in parts: small enough that a few megabytes occupy every multiprocessor.
constexpr std::uint64_t kSegmentBytes = std::uint64_t{256} << 10;

/// The steps' work: `put(stream, set, result)` adds up partial sums. What the operation before has
/// left in them would be right as well: poison() leaves nothing.
template <class T>
Work own_sum(const Target& target, int launches, const std::shared_ptr<DeviceArray<T>>& partials,
             Rounding rounding, std::type_identity_t<PutSum<T>> put) {
  Work work = sum_work<T>(target, launches, rounding, std::move(put));
  work.poison = [poison = work.poison, partials, &stream = target.stream] {
    poison();
    stream.device().check(
        cudaMemsetAsync(partials->data(), 0xff, partials->size() * sizeof(T), stream.get()),
        "clearing partial sums");
    stream.synchronize();
  };
  return work;
}

/// `shared`, `shuffle` and `vector`: a kernel that leaves a sum a block of what `cut` makes of the
/// arrays of a set, and one that adds them up.
template <class Sum, class X, class T>
Work two_kernels(const Target& target, const Sum& sum, void (*kernel)(Sum, X, T*),
                 const Shape& shape, X (*cut)(const Arrays&, std::uint64_t), Rounding rounding) {
  const auto partials = std::make_shared<DeviceArray<T>>(target.device(), shape.blocks);
  return own_sum(target, 2, partials, rounding,
                 [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, T* result) {
                   launch(stream, kernel, shape, sum, cut(arrays, set), partials->data());
                   launch(stream, &sum_finish<T>, Shape{1, kSumThreads, 0}, partials->data(),
                          shape.blocks, result);
                 });
}

template <class Sum, class W>
Work make_atomic(const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  const std::uint64_t blocks = ceil_div(target.arrays.elements, kSumThreads);
  const auto total = std::make_shared<DeviceArray<T>>(target.device(), 1);
  return own_sum(target, 3, total, Rounding{},
                 [=, arrays = target.arrays,
                  shape = Shape{std::max<std::uint64_t>(blocks, 1), kSumThreads, 0}](
                     const Stream& stream, std::uint64_t set, T* result) {
                   stream.device().check(cudaMemsetAsync(total->data(), 0, sizeof(T), stream.get()),
                                         "clearing the sum");
                   launch(stream, &sum_atomic<Sum, W>, shape, sum,
                          elements_of<W, Sum::kArrays>(arrays, set), total->data());
                   stream.device().check(cudaMemcpyAsync(result, total->data(), sizeof(T),
                                                         cudaMemcpyDeviceToHost, stream.get()),
                                         "copying the sum");
                 });
}

/// As many blocks as run at a time, for tiles of `packs` packs a thread.
template <class Kernel>
Shape filling_tiles(const Target& target, Kernel kernel, unsigned threads, std::uint64_t count,
                    int packs) {
  return filling(target.device(), kernel, {1, threads, 0},
                 ceil_div(count, std::uint64_t{threads} * static_cast<unsigned>(packs)));
}

/// The grid of a form of `single-pass`.
template <class Kernel>
Shape single_pass_shape(const Form& form, const Target& target, Kernel kernel,
                        std::uint64_t packs) {
  if (form.one_block || target.limit > 0) return {1, form.threads, 0, form.dependent};
  Shape shape = filling_tiles(target, kernel, form.threads, packs, form.packs);
  const auto multiprocessors =
      static_cast<std::uint64_t>(target.device().properties().multiprocessors);
  if (form.blocks > 0) {
    const std::uint64_t most = multiprocessors * static_cast<unsigned>(form.blocks);
    shape.blocks = std::min(shape.blocks, most);
  }
  shape.dependent = form.dependent;
  if (!form.dependent) return shape;
  const Shape full = filling(target.device(), kernel, {1, form.threads, 0}, kMostBlocks);
  if (2 * shape.blocks <= full.blocks) return shape;
  throw Unavailable(target.device().name() + ": " + std::to_string(shape.blocks) +
                    " blocks that wait for the kernel ahead are more than half of the " +
                    std::to_string(full.blocks) +
                    " that run at a time, and would take the room of those that work");
}

/// A sum in one launch of a grid of `blocks`, which `put` launches.
template <class T>
Work one_launch(const Target& target, std::uint64_t blocks, Rounding rounding,
                const std::function<void(const Stream&, std::uint64_t set, const Ends<T>&)>& put) {
  const Device& device = target.device();
  const auto partials = std::make_shared<DeviceArray<T>>(device, blocks);
  const auto tickets = std::make_shared<DeviceArray<unsigned>>(device, 1);
  // In the kernels' own stream: a copy to the device would not wait for it, nor it for the copy.
  device.check(cudaMemsetAsync(tickets->data(), 0, sizeof(unsigned), target.stream.get()),
               "clearing the tickets");
  return own_sum(target, 1, partials, rounding,
                 [=](const Stream& stream, std::uint64_t set, T* result) {
                   put(stream, set, Ends<T>{partials->data(), tickets->data(), result});
                 });
}

template <class Sum, class W, int kPacks, bool kDependent>
Work single_pass_by(const Form& form, const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  const auto kernel = &sum_single_pass<Sum, W, kPacks, kDependent>;
  const auto packs = &packs_of<W, Sum::kArrays>;
  Shape shape = single_pass_shape(form, target, kernel, packs(target.arrays, 0).packs);
  const auto seen = place(target.device(), kernel, shape, target.limit);
  Work work = one_launch<T>(
      target, shape.blocks, tree_rounding<W, kPacks>(),
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, const Ends<T>& ends) {
        launch(stream, kernel, shape, sum, packs(arrays, set), ends, seen->data());
      });
  work.seen = seen;
  return work;
}

/// The kernels that there are.
template <class Sum, class W>
Work make_single_pass(const Form& form, const Target& target, const Sum& sum) {
  const auto is = [&](int packs, bool dependent) {
    return form.packs == packs && form.dependent == dependent;
  };
  if (is(1, false)) return single_pass_by<Sum, W, 1, false>(form, target, sum);
  if (is(2, false)) return single_pass_by<Sum, W, 2, false>(form, target, sum);
  if (is(4, false)) return single_pass_by<Sum, W, 4, false>(form, target, sum);
  if (is(8, false)) return single_pass_by<Sum, W, 8, false>(form, target, sum);
  if (is(1, true)) return single_pass_by<Sum, W, 1, true>(form, target, sum);
  if (is(4, true)) return single_pass_by<Sum, W, 4, true>(form, target, sum);
  throw std::invalid_argument("no kernel of single-pass with so many packs");
}

template <class Sum, class W>
Work make_ring(const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  constexpr int kEach = kPacks / Sum::kInputs;
  const auto kernel = &sum_ring<Sum, W, kEach>;
  const auto packs = &packs_of<W, Sum::kArrays>;
  const Properties& device = target.device().properties();
  static_assert(kRingThreads * kPacks * 16 == kRingBytes);
  Ring ring{kRingStages, Sum::kInputs, kRingThreads * kEach};
  while (ring.shared_bytes() > static_cast<std::size_t>(device.shared_per_block)) --ring.stages;
  Shape shape{1, kRingThreads, ring.shared_bytes()};
  shape.blocks = std::clamp<std::uint64_t>(ceil_div(packs(target.arrays, 0).packs, ring.packs), 1,
                                           static_cast<unsigned>(device.multiprocessors));
  allow_shared(target.device(), kernel, shape);
  return one_launch<T>(
      target, shape.blocks, tree_rounding<W, kEach>(),
      [=, arrays = target.arrays](const Stream& stream, std::uint64_t set, const Ends<T>& ends) {
        launch(stream, kernel, shape, sum, packs(arrays, set), ring, ends);
      });
}

template <class Sum, class W>
SegmentedSum make_segmented(const Target& target, const Sum& sum) {
  using T = TotalOf<W>;
  constexpr std::uint64_t kSegment = kSegmentBytes / sizeof(W);
  const auto x = packs_of<W, Sum::kArrays>(target.arrays, 0);
  if (x.head_size > 0) throw std::invalid_argument("a sum in parts starts at 16 bytes");
  const std::uint64_t elements = target.arrays.elements;
  // By elements, so that no segment waits for the tail that comes with the next part.
  const std::uint64_t segments = std::max<std::uint64_t>(ceil_div(elements, kSegment), 1);
  const auto partials = std::make_shared<DeviceArray<T>>(target.device(), segments);
  const auto part = [=](const Stream& stream, std::uint64_t first, std::uint64_t count) {
    const std::uint64_t segment = first / kSegment;
    const std::uint64_t end = first + count >= elements ? segments : (first + count) / kSegment;
    launch(stream, &sum_segments<Sum, W, kPacks>, Shape{end - segment, kSumThreads, 0}, sum, x,
           kSegmentBytes / 16, segment, segments - 1, partials->data());
  };
  const auto finish = [=](const Stream& stream, std::uint64_t, T* result) {
    launch(stream, &sum_finish<T>, Shape{1, kAloneThreads, 0}, partials->data(), segments, result);
  };
  return {kSegment, part, own_sum(target, 1, partials, tree_rounding<W, kPacks>(), finish)};
}

}  // namespace

Work sum_by(const Form& form, const Target& target) {
  if (form.step == Step::ring || form.dependent) require_9_0(target.device());
  return for_sum(target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) -> Work {
    const auto elements = &elements_of<W, Sum::kArrays>;
    const auto packs = &packs_of<W, Sum::kArrays>;
    const std::uint64_t blocks = ceil_div(target.arrays.elements, kSumThreads);
    const Shape textbook{std::clamp<std::uint64_t>(blocks, 1, kTextbookBlocks), kSumThreads, 0};
    switch (form.step) {
      case Step::atomic:
        return make_atomic<Sum, W>(target, sum);
      case Step::shared:
        return two_kernels(target, sum, &sum_shared<Sum, W>, textbook, elements, Rounding{});
      case Step::shuffle:
        return two_kernels(target, sum, &sum_shuffle<Sum, W>, textbook, elements, Rounding{});
      case Step::vector: {
        const auto kernel = &sum_vector<Sum, W, kPacks>;
        const Shape shape =
            filling_tiles(target, kernel, kSumThreads, packs(target.arrays, 0).packs, kPacks);
        return two_kernels(target, sum, kernel, shape, packs, tree_rounding<W, kPacks>());
      }
      case Step::single_pass:
        return make_single_pass<Sum, W>(form, target, sum);
      case Step::ring:
        return make_ring<Sum, W>(target, sum);
      default:
        throw std::invalid_argument("no step for sums");
    }
  });
}

SegmentedSum make_segmented_sum(const Target& target) {
  return for_workload<true, SegmentedSum>(
      target, [&]<class Sum, class W>(const Sum& sum, std::type_identity<W>) {
        return make_segmented<Sum, W>(target, sum);
      });
}

}  // namespace crossover::gpu
