#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include "common/element.hpp"
#include "common/random.hpp"
#include "common/workload.hpp"
#include "common/workloads/reference.hpp"
#include "gpu/device.hpp"

/// Operations on one device's data, ready to be put into a stream: what the steps of the ladders
/// and the libraries have in common.
namespace crossover::gpu {

/// How many multiprocessors an operation may use.
struct Multiprocessors {
  int count = 0;  ///< 0: all, and as many blocks on each as the variant likes
};

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
  Multiprocessors limit{};

  const Device& device() const { return stream.device(); }
  std::uint64_t bytes() const { return arrays.elements * size_of(type); }
};

class Work {
 public:
  virtual ~Work() = default;

  /// Puts operations number `first` to `first + operations - 1` into the stream, one after the
  /// other. Number i works on set i modulo the number of sets.
  virtual void enqueue(const Stream& stream, std::int64_t first, std::int64_t operations) = 0;

  /// The most kernels, copies and fills that one operation puts into the stream.
  virtual int launches() const { return 1; }

  /// For work limited to some multiprocessors: what is wrong with the placement of the blocks of
  /// the last operation, which must be complete, or empty.
  virtual std::string misplaced() const { return {}; }

  // Of sums:

  /// The sum of a set's last operation, which must be complete. It is in host memory already.
  virtual Total sum(std::uint64_t) const { throw std::logic_error("a map has no sum"); }
  /// Overwrites the results, so that an operation that does not write one is noticed.
  virtual void poison() {}
  virtual Rounding rounding() const { return {}; }
};

/// Makes the work of a step or a library. Throws Unavailable when the device or the library cannot,
/// and std::invalid_argument for a workload or a type that it is not for.
using Make = std::unique_ptr<Work> (*)(const Target&);

/// Maps by the steps of their ladder. The last two can be limited to some multiprocessors.
namespace maps {
std::unique_ptr<Work> naive(const Target& target);
std::unique_ptr<Work> grid_stride(const Target& target);
std::unique_ptr<Work> vector(const Target& target);
std::unique_ptr<Work> unrolled(const Target& target);
std::unique_ptr<Work> bulk(const Target& target);
}  // namespace maps

/// Whether `bulk` can run: the device has the copy engine and the build has code for it.
bool has_bulk(const Device& device);

/// Sums by the steps of theirs. The last can be limited to some multiprocessors.
namespace sums {
std::unique_ptr<Work> atomic(const Target& target);
std::unique_ptr<Work> shared(const Target& target);
std::unique_ptr<Work> shuffle(const Target& target);
std::unique_ptr<Work> vector(const Target& target);
std::unique_ptr<Work> single_pass(const Target& target);
}  // namespace sums

/// A sum whose data arrives in parts. The bits of the sum depend neither on the parts nor on their
/// order.
class SegmentedSum {
 public:
  virtual ~SegmentedSum() = default;
  /// Elements that a part must be a multiple of; the last may be shorter.
  virtual std::uint64_t granularity() const = 0;
  /// Puts the sums of the part's segments into the stream. first is a multiple of granularity().
  virtual void enqueue_part(const Stream& stream, std::uint64_t first, std::uint64_t count) = 0;
  /// Puts the sum over all segments into the stream.
  virtual void enqueue_finish(const Stream& stream) = 0;
  virtual Total sum() const = 0;
  virtual void poison() = 0;
  virtual Rounding rounding() const = 0;
};
std::unique_ptr<SegmentedSum> make_segmented_sum(const Target& target);

/// Puts into the stream what writes the target's input: its elements are number `first` on of the
/// whole input, those of set s for salt_of(salt, s). The written array of a map into another one
/// gets what no result is.
void fill(const Target& target, std::uint64_t first, std::uint32_t salt);

}  // namespace crossover::gpu
