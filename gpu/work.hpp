#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "common/element.hpp"
#include "common/reduction.hpp"
#include "gpu/device.hpp"

/// One operation on one device's data, ready to be put into a stream: what the variants of a ladder
/// have in common. Factories throw Unavailable when the device or the library cannot.
namespace crossover::gpu {

/// How many multiprocessors an operation may use.
struct Multiprocessors {
  int count = 0;  ///< 0: all, and as many blocks on each as the variant likes
};

class Work {
 public:
  virtual ~Work() = default;

  /// Puts `operations` operations into the stream, one after the other.
  virtual void enqueue(const Stream& stream, std::int64_t operations) = 0;

  /// The most kernels, copies and fills that one operation puts into the stream.
  virtual int launches() const { return 1; }

  /// For work limited to some multiprocessors: what is wrong with the placement of the blocks of
  /// the last operation, which must be complete, or empty.
  virtual std::string misplaced() const { return {}; }
};

/// The sum of a device's data.
template <class T>
class SumWork : public Work {
 public:
  /// The sum of the last operation, which must be complete. The result is in host memory already.
  virtual SumOf<T> sum() const = 0;
  /// Overwrites the result, so that an operation that does not write one is noticed.
  virtual void poison() = 0;
  virtual reduction::Rounding rounding() const { return {0, 0}; }
};

/// x[i] *= 2 by a step of the ladder: naive, grid-stride, vector, unrolled, bulk. `limit` applies
/// to unrolled and bulk.
template <class T>
std::unique_ptr<Work> make_double(const Device& device, std::string_view step, T* x,
                                  std::uint64_t elements, Multiprocessors limit = {});

/// The sum by a step of the ladder: atomic, shared, shuffle, vector, single-pass. `limit` applies
/// to single-pass. `x` must outlive the work.
template <class T>
std::unique_ptr<SumWork<T>> make_sum(const Device& device, std::string_view step, const T* x,
                                     std::uint64_t elements, Multiprocessors limit = {});

/// The libraries' versions: `cub` and `cublas` double, `cub` and `thrust` sum.
template <class T>
std::unique_ptr<Work> make_library_double(const Device& device, std::string_view library, T* x,
                                          std::uint64_t elements);
template <class T>
std::unique_ptr<SumWork<T>> make_library_sum(const Device& device, std::string_view library,
                                             const T* x, std::uint64_t elements);
/// Whether this build has that library's version.
bool has_library(std::string_view workload, ElementType type, std::string_view library);
/// Names and versions of the libraries, for the record of a run.
std::string library_versions();

/// A sum whose data arrives in parts. The bits of the sum depend neither on the parts nor on their
/// order.
template <class T>
class SegmentedSum {
 public:
  virtual ~SegmentedSum() = default;
  /// Elements that a part must be a multiple of; the last may be shorter.
  virtual std::uint64_t granularity() const = 0;
  /// Puts the sums of the part's segments into the stream. first is a multiple of granularity().
  virtual void enqueue_part(const Stream& stream, std::uint64_t first, std::uint64_t count) = 0;
  /// Puts the sum over all segments into the stream.
  virtual void enqueue_finish(const Stream& stream) = 0;
  virtual SumOf<T> sum() const = 0;
  virtual void poison() = 0;
  virtual reduction::Rounding rounding() const = 0;
};
template <class T>
std::unique_ptr<SegmentedSum<T>> make_segmented_sum(const Device& device, const T* x,
                                                    std::uint64_t elements);

/// `elements` additions of 1 to `*counter` by a variant of `count`: unsynchronised, atomic,
/// shared-atomic, warp-aggregated.
std::unique_ptr<Work> make_count(const Device& device, std::string_view variant,
                                 std::uint64_t* counter, std::uint64_t elements,
                                 Multiprocessors limit = {});

/// Puts a kernel of `blocks` blocks, of a warp each, into the stream, which do nothing but add 1 to
/// came[block].
void launch_idlers(const Stream& stream, std::uint64_t* came, int blocks);

/// Writes the input of a workload, elements [first, first + count), into `x` on the device.
template <class T>
void fill_double(const Stream& stream, T* x, std::uint64_t first, std::uint64_t count,
                 std::uint32_t salt);
template <class T>
void fill_sum(const Stream& stream, T* x, std::uint64_t first, std::uint64_t count,
              std::uint32_t salt);

/// Whether `bulk` can run: the device has the copy engine and the build has code for it.
bool has_bulk(const Device& device);

}  // namespace crossover::gpu
