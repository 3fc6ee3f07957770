#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "common/element.hpp"
#include "common/workload.hpp"

/// A workload's input and its reference, in one element type: the same for every model, and
/// independent of all of them.
namespace crossover {

/// A sum, or a part of one: of floating point in double precision, of integers modulo 2^64, of
/// which an i32 takes the lower half.
union Total {
  double real;
  std::uint64_t integer;
};

/// How an algorithm rounds: each element takes part in at most `chain` additions in the precision
/// of its type, in partial sums of at most `span` elements; everything after that is added in
/// double precision. {0, 0}: all additions are in double precision.
struct Rounding {
  std::uint64_t chain = 0;
  std::uint64_t span = 0;
};

/// The largest relative error that a correct sum of `elements` elements of `type` shows whose
/// largest is at most `largest_to_mean` times their mean.
/// The smaller of the deterministic bound `k u / (1 - k u)` (Higham, Accuracy and Stability of
/// Numerical Algorithms, 2nd ed., 4.2) and the probabilistic one of Higham and Mary (2019): each
/// rounding error is at most u times its partial sum and independent of the others, so by
/// Hoeffding their total exceeds `lambda u sqrt(sum of squared partial sums)` with a probability
/// of 2 exp(-lambda^2 / 2); lambda = 7 makes that 5e-11. Small enough to notice one lost
/// element among a billion.
double sum_error_bound(ElementType type, std::uint64_t elements, Rounding rounding,
                       double largest_to_mean);

/// Only the first `kSalted` elements of a sum's arrays depend on the salt: renewing the input is
/// cheap. A map's depend on it everywhere, so that a result left over is wrong wherever it is.
inline constexpr std::uint64_t kSalted = 1 << 16;

class Reference {
 public:
  virtual ~Reference() = default;

  virtual std::int64_t operations_per_input() const = 0;

  /// Writes elements [first, first + count) of array `array` for `salt` to `to`. The written array
  /// of a map into another one gets what no result is.
  virtual void fill(int array, void* to, std::uint64_t first, std::uint64_t count,
                    std::uint32_t salt) const = 0;

  /// Compares elements [offset, offset + count) of a map's result, which lie at `data`, with what
  /// they are after `operations` operations on the input for `salt`, on all CPUs of `cpus` at once.
  virtual Verdict verify_map(const void* data, std::uint64_t offset, std::uint64_t count,
                             std::uint32_t salt, std::int64_t operations,
                             std::span<const int> cpus) const = 0;

  /// Compares a sum over the first `elements` elements of the input for `salt`, which was rounded
  /// like `rounding`. The reference is computed once for a size, on all CPUs of `cpus`, and
  /// remembered.
  virtual Verdict verify_sum(Total sum, std::uint64_t elements, std::uint32_t salt,
                             Rounding rounding, std::span<const int> cpus) const = 0;
};

/// That of a workload on arrays. Throws std::invalid_argument for a type that it is not offered in.
std::unique_ptr<Reference> make_reference(const Workload& workload, ElementType type);

}  // namespace crossover
