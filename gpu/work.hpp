#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "common/element.hpp"
#include "common/random.hpp"
#include "common/workload.hpp"
#include "common/workloads/reference.hpp"
#include "gpu/device.hpp"

/// Operations on one device's data, ready to be put into a stream: what the steps of the ladders
/// and the libraries have in common.
namespace crossover::gpu {

/// A workload's arrays on a device, once or in several sets: operation after operation works on the
/// next set, so that what it reads and writes has left the caches since its set's last turn.
struct Arrays {
  std::array<std::byte*, 3> first{};  ///< of each array, its place in set 0
  std::uint64_t elements = 0;
  std::uint64_t sets = 1;
  std::uint64_t stride = 0;  ///< bytes from a set to the next, a multiple of 256

  std::byte* at(int array, std::uint64_t set = 0) const {
    return first[static_cast<std::size_t>(array)] + set * stride;
  }
};

/// The salt of a set's input: a result left by one set is wrong for any other.
CROSSOVER_HOST_DEVICE constexpr std::uint32_t salt_of(std::uint32_t salt, std::uint64_t set) {
  return salt + 0x9e3779b9U * static_cast<std::uint32_t>(set);
}

/// What work is made for.
struct Target {
  const Stream& stream;  ///< that the work will be put into
  const Workload& workload;
  ElementType type = ElementType::f32;
  Arrays arrays{};
  /// Multiprocessors that it may use, with one block on each; 0: all, with as many as is best.
  int limit = 0;
  /// Operations follow one another on the device without the host's waiting in between.
  bool back_to_back = false;

  const Device& device() const { return stream.device(); }
  /// Of one array.
  std::uint64_t bytes() const { return arrays.elements * size_of(type); }
};

struct Work {
  /// Puts operations number `first` to `first + operations - 1` into the stream, one after the
  /// other. Number i works on set i modulo the number of sets.
  std::function<void(const Stream&, std::int64_t first, std::int64_t operations)> enqueue{};
  int launches = 1;  ///< the most kernels, copies and fills that one operation takes
  /// Of work limited to some multiprocessors: those that the blocks of the last operation ran on.
  std::shared_ptr<DeviceArray<unsigned>> seen{};

  // Of sums:

  /// The sum of a set's last operation, which must be complete. It is in host memory already.
  std::function<Total(std::uint64_t set)> sum{};
  /// Overwrites the results and what they are made of, so that an operation that leaves out a part
  /// is noticed.
  std::function<void()> poison = [] {};
  Rounding rounding{};
};

/// Puts one operation, on a set, into the stream, or does it; of a sum, with its result's place.
/// (One type for all kernels: the compiler would make what takes them anew for each.)
using Put = std::function<void(const Stream&, std::uint64_t set)>;
template <class T>
using PutSum = std::function<void(const Stream&, std::uint64_t set, T* result)>;

/// Work whose operations `put` puts into the stream one by one.
Work work_by(std::uint64_t sets, Put put);

/// A sum's work. A set's result, a T, lies in page-locked host memory, which the last block writes
/// straight into: no copy, which would cost more than a small sum.
template <class T>
Work sum_work(const Target& target, int launches, Rounding rounding, PutSum<T> put) {
  const auto results = std::make_shared<PinnedArray<T>>(target.device(), target.arrays.sets);
  Work work = work_by(target.arrays.sets,
                      [results, put = std::move(put)](const Stream& stream, std::uint64_t set) {
                        put(stream, set, results->data() + set);
                      });
  work.launches = launches;
  work.sum = [=](std::uint64_t set) -> Total {
    const T sum = (*results)[set];
    if constexpr (std::is_floating_point_v<T>) return {.real = sum};
    return {.integer = static_cast<std::uint64_t>(sum)};
  };
  work.poison = [=] { std::memset(results->data(), 0xff, results->size() * sizeof(T)); };
  work.rounding = rounding;
  return work;
}

/// What is wrong with where the blocks ran (one on each multiprocessor is right), or empty.
std::string misplaced(const Work& work, const Device& device);

/// `inner`'s operations as CUDA graphs: captured once, then started with one call for all the
/// kernels of an operation, or of `kGraphOperations` operations at a time. Pays where launching
/// takes longer than working. A graph keeps the arrays that it was captured with: of one set.
inline constexpr int kGraphOperations = 32;
Work as_graph(const Stream& stream, Work inner);

/// Makes the work of a variant. Throws Unavailable when the device or the library cannot, and
/// std::invalid_argument for a workload or a type that it is not for.
using Make = std::function<Work(const Target&)>;

/// The steps of the two ladders, maps and sums. `bulk` and `single_pass` can be limited to some
/// multiprocessors.
enum class Step {
  naive,
  grid_stride,
  vector,
  unrolled,
  pack,
  bulk,
  tile,
  atomic,
  shared,
  shuffle,
  single_pass,
  ring
};

/// A step and the constants that it is launched with, where there is a choice of them.
struct Form {
  Step step = Step::naive;
  unsigned threads = 256;  ///< a block: of pack, tile, single-pass
  int packs = 1;           ///< 16-byte loads in flight a thread and array: of single-pass
  int blocks = 0;          ///< on a multiprocessor at most, of single-pass; 0: what it holds
  bool one_block = false;  ///< for all of it: of single-pass
  bool dependent = false;  ///< launched before the kernel ahead has ended: pack, tile, single-pass

  bool operator==(const Form&) const = default;
};

/// The work of a form; of a map, or of a sum. Throws Unavailable where the device cannot, and
/// std::invalid_argument for a form that there is no code for.
Work map_by(const Form& form, const Target& target);
Work sum_by(const Form& form, const Target& target);

/// Whether bulk copies and dependent launches can run: the device is of compute capability 9.0 or
/// newer, and the build has code for such.
bool has_9_0(const Device& device);
/// Throws Unavailable where they cannot.
void require_9_0(const Device& device);

/// A sum whose data arrives in parts. The bits of the sum depend neither on the parts nor on their
/// order.
struct SegmentedSum {
  /// Elements that a part must be a multiple of; the last may be shorter.
  std::uint64_t granularity = 0;
  /// Puts the sums of the part's segments into the stream. first is a multiple of granularity.
  std::function<void(const Stream&, std::uint64_t first, std::uint64_t count)> enqueue_part{};
  Work finish{};  ///< the sum over all segments
};
SegmentedSum make_segmented_sum(const Target& target);

/// Puts into the stream what writes the target's input: its elements are number `first` on of the
/// whole input, those of set s for salt_of(salt, s). The written array of a map into another one
/// gets what no result is.
void fill(const Target& target, std::uint64_t first, std::uint32_t salt);

}  // namespace crossover::gpu
