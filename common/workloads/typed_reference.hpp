#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>
#include <type_traits>
#include <utility>

#include "common/parallel.hpp"
#include "common/random.hpp"
#include "common/workloads/pattern.hpp"
#include "common/workloads/reference.hpp"

namespace crossover {

/// The reference of workload `Work` on elements of `T`.
template <class Work, class T>
class TypedReference final : public Reference {
 public:
  explicit TypedReference(const Work& work) : work_(work) {}

  std::int64_t operations_per_input() const override {
    return work_.template operations_per_input<T>();
  }

  void fill(int array, void* to, std::uint64_t first, std::uint64_t count,
            std::uint32_t salt) const override {
    if (Work::kPattern == Pattern::map_into && array == 0) {
      std::fill_n(static_cast<unsigned char*>(to), count * sizeof(T), 0xff);  // NaN, -1
      return;
    }
    auto* out = static_cast<Bits*>(to);
    for_each_part(first, count, salt, [&](std::uint64_t begin, std::uint64_t length, auto salted) {
      const Stream stream = array_stream(array, begin, salted);
      const auto low = static_cast<std::uint32_t>(begin);
      for (std::uint64_t i = 0; i < length; ++i) {
        out[i] = work_.template input<T>(
            stream.template bits<Bits>(low + static_cast<std::uint32_t>(i)));
      }
      out += length;
    });
  }

  Verdict verify_map(const void* result, std::uint64_t offset, std::uint64_t count,
                     std::uint32_t salt, std::int64_t operations,
                     std::span<const int> cpus) const override {
    if (Work::kPattern == Pattern::sum) throw std::logic_error("a sum was verified as a map");
    const auto* const data = static_cast<const T*>(result);
    const std::int64_t times = Work::kPattern == Pattern::map_into ? 1 : operations;
    const auto function = work_.template reference<R>(times);
    constexpr double kUnit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
    const double bound = kBitwise ? 0 : static_cast<double>(times) * work_.roundings() * kUnit;
    std::mutex mutex;
    std::uint64_t wrong = 0;
    std::uint64_t at = kNone;  // of the first wrong one
    double error = 0;
    parallel_over(count, cpus, [&](std::uint64_t first, std::uint64_t size) {
      double most = 0;
      for_each_part(offset + first, size, salt,
                    [&](std::uint64_t begin, std::uint64_t length, std::uint32_t salted) {
                      const auto from = streams(begin, salted, Inputs{});
                      // In blocks: the loop that looks for errors vectorises, the one that finds
                      // the place is rarely needed.
                      constexpr std::uint64_t kBlock = 4096;
                      for (std::uint64_t block = begin; block < begin + length; block += kBlock) {
                        const std::uint64_t end = std::min(block + kBlock, begin + length);
                        const auto error_of = [&](std::uint64_t element, std::uint64_t elements) {
                          return block_error(data + (element - offset), function, from,
                                             static_cast<std::uint32_t>(element), elements);
                        };
                        const double of_block = error_of(block, end - block);
                        if (of_block <= bound) {
                          most = std::max(most, of_block);
                          continue;
                        }
                        for (std::uint64_t i = block; i < end; ++i) {
                          if (error_of(i, 1) <= bound) continue;
                          const std::lock_guard lock(mutex);
                          ++wrong;
                          at = std::min(at, i);
                        }
                      }
                    });
      const std::lock_guard lock(mutex);
      error = std::max(error, most);
    });
    if (wrong == 0) return {error, true, {}};
    const R right =
        of_inputs(function, streams(at, salt, Inputs{}), static_cast<std::uint32_t>(at), Inputs{});
    const auto is = static_cast<long double>(data[at - offset]);
    const auto should = static_cast<long double>(static_cast<T>(right));
    return {static_cast<double>(std::fabs((is - should) / should)), false,
            fmt::format("{} of {} elements are wrong; the first is number {}: {} instead of {}",
                        wrong, count, at, data[at - offset], static_cast<T>(right))};
  }

  Verdict verify_sum(Total sum, std::uint64_t elements, std::uint32_t salt, Rounding rounding,
                     std::span<const int> cpus) const override {
    if constexpr (Work::kPattern != Pattern::sum) {
      throw std::logic_error("a map was verified as a sum");
    } else {
      Accurate exact = sum_of(0, std::min(elements, kSalted), salt);
      if (elements > kSalted) {
        const Accurate more = unsalted_sum(elements, cpus);
        exact.add(more.sum);
        exact.add(more.rest);
      }
      if constexpr (!std::is_floating_point_v<T>) {
        const auto is = static_cast<Bits>(sum.integer);
        if (is == exact.total()) return {0, true, {}};
        const auto value = static_cast<double>(static_cast<T>(is));
        const auto right = static_cast<double>(static_cast<T>(exact.total()));
        return {std::fabs(value - right) / std::max(std::fabs(right), 1.0), false,
                fmt::format("the sum is {} instead of {}", static_cast<T>(is),
                            static_cast<T>(exact.total()))};
      } else {
        const R right = exact.total();
        const R away = std::fabs(static_cast<R>(sum.real) - right);
        // No elements, no sum: 0 / 0 would be NaN.
        const auto error = static_cast<double>(right == 0 ? away : away / std::fabs(right));
        constexpr double kUnit = sizeof(T) == 4 ? 0x1p-24 : 0x1p-53;
        const double bound =
            sum_error_bound(type_of<T>(), elements, rounding, Work::kLargestToMean) +
            work_.roundings() * kUnit;
        if (error <= bound) return {error, true, {}};
        return {error, false,
                fmt::format("the sum is {:.17g} instead of {:.17g}: a relative error of {:.3g}, at "
                            "most {:.3g} is right",
                            sum.real, static_cast<double>(right), error, bound)};
      }
    }
  }

 private:
  using Bits = BitsOf<T>;
  using R = std::conditional_t<Work::kExact && Work::kPattern != Pattern::sum, Word<T>, Wider<T>>;
  static constexpr std::uint64_t kNone = ~std::uint64_t{0};
  static constexpr bool kBitwise = Work::kExact || !std::is_floating_point_v<T>;
  /// Elements below this depend on the salt.
  static constexpr std::uint64_t kSaltedPart = Work::kPattern == Pattern::sum ? kSalted : kNone;
  // The arrays that are read: all but the written one of a map into another.
  static constexpr int kFirstInput = Work::kPattern == Pattern::map_into ? 1 : 0;
  using Inputs = std::make_integer_sequence<int, Work::kInputs>;

  /// `body(first, count, salt)` for parts of [first, first + count) that lie in one block of 2^32
  /// indices and have one salt: what is constant there leaves the inner loops.
  template <class Body>
  static void for_each_part(std::uint64_t first, std::uint64_t count, std::uint32_t salt,
                            Body&& body) {
    const std::uint64_t end = first + count;
    while (first < end) {
      const bool salted = first < kSaltedPart;
      std::uint64_t stop = std::min(end, ((first >> 32) + 1) << 32);
      if (salted) stop = std::min(stop, kSaltedPart);
      body(first, stop - first, salted ? salt : 0U);
      first = stop;
    }
  }

  template <int... Input>
  static std::array<Stream, sizeof...(Input)> streams(std::uint64_t index, std::uint32_t salt,
                                                      std::integer_sequence<int, Input...>) {
    return {array_stream(kFirstInput + Input, index, salt)...};
  }

  /// `function` of the inputs of the element whose index has these low 32 bits.
  template <class Function, int... Input>
  R of_inputs(const Function& function, const std::array<Stream, Work::kInputs>& from,
              std::uint32_t low, std::integer_sequence<int, Input...>) const {
    return static_cast<R>(function(static_cast<R>(
        std::bit_cast<Word<T>>(work_.template input<T>(from[Input].template bits<Bits>(low))))...));
  }

  /// The largest relative error in a block, NaN if any is one; bit by bit, 1 for what differs.
  template <class Function>
  double block_error(const T* data, const Function& function,
                     const std::array<Stream, Work::kInputs>& from, std::uint32_t low,
                     std::uint64_t count) const {
    if constexpr (kBitwise) {
      std::uint32_t differ = 0;
      for (std::uint64_t i = 0; i < count; ++i) {
        const R right = of_inputs(function, from, low + static_cast<std::uint32_t>(i), Inputs{});
        differ += std::bit_cast<Bits>(data[i]) != std::bit_cast<Bits>(right) ? 1 : 0;
      }
      return differ == 0 ? 0 : 1;
    } else {
      // Lanes of their own: one chain of maxima would not vectorise.
      constexpr std::uint64_t kLanes = 16;
      constexpr R kLeast = std::numeric_limits<T>::min();  // 0 may be right
      std::array<R, kLanes> most{};
      R nan = 0;
      for (std::uint64_t i = 0; i < count; ++i) {
        const R right = of_inputs(function, from, low + static_cast<std::uint32_t>(i), Inputs{});
        const R size = std::fabs(right) > kLeast ? std::fabs(right) : kLeast;
        const R error = std::fabs(static_cast<R>(data[i]) - right) / size;
        R& lane = most[i % kLanes];
        lane = error > lane ? error : lane;
        nan += error - error;  // 0, or NaN for NaN and infinity
      }
      return static_cast<double>(*std::max_element(most.begin(), most.end()) + nan);
    }
  }

  /// A sum in twice the digits of long double (or exactly, of integers): Knuth's TwoSum.
  struct Accurate {
    R sum{};
    R rest{};
    void add(R value) {
      if constexpr (std::is_floating_point_v<T>) {
        const R total = sum + value;
        const R back = total - sum;
        rest += (sum - (total - back)) + (value - back);
        sum = total;
      } else {
        sum += value;
      }
    }
    R total() const { return sum + rest; }
  };

  Accurate sum_of(std::uint64_t first, std::uint64_t count, std::uint32_t salt) const {
    const auto term = work_.template reference<R>(1);
    Accurate total;
    for_each_part(first, count, salt,
                  [&](std::uint64_t begin, std::uint64_t length, std::uint32_t salted) {
                    const auto from = streams(begin, salted, Inputs{});
                    // So few that sums of f32 and of their products are exact in double.
                    constexpr std::uint64_t kBlock = 32;
                    for (std::uint64_t done = 0; done < length; done += kBlock) {
                      const std::uint64_t size = std::min(kBlock, length - done);
                      const auto low = static_cast<std::uint32_t>(begin + done);
                      R sum{};
                      for (std::uint64_t i = 0; i < size; ++i) {
                        sum += of_inputs(term, from, low + static_cast<std::uint32_t>(i), Inputs{});
                      }
                      total.add(sum);
                    }
                  });
    return total;
  }

  /// The sum of what does not depend on the salt, remembered for each size.
  Accurate unsalted_sum(std::uint64_t elements, std::span<const int> cpus) const {
    static std::mutex mutex;
    static std::map<std::pair<std::string, std::uint64_t>, Accurate> known;
    const std::lock_guard lock(mutex);
    const auto key = std::pair(name_of(work_), elements);
    if (const auto found = known.find(key); found != known.end()) return found->second;
    Accurate total;
    std::mutex total_mutex;
    parallel_over(elements - kSalted, cpus, [&](std::uint64_t first, std::uint64_t count) {
      const Accurate part = sum_of(kSalted + first, count, 0);
      const std::lock_guard total_lock(total_mutex);
      total.add(part.sum);
      total.add(part.rest);
    });
    known.emplace(key, total);
    return total;
  }

  Work work_;
};

}  // namespace crossover
