#include "common/reduction.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <mutex>

#include "common/parallel.hpp"

namespace crossover {

namespace reduction {

namespace {

// Exact for 2^64 elements: 53 bits each, and 128 in all.
__extension__ using Wide = unsigned __int128;

template <class T>
Wide exact_sum(std::uint64_t first, std::uint64_t count, std::uint32_t salt) {
  Wide total = 0;
  for_each_stream(first, count, kSalted, salt, 0,
                  [&](Stream stream, std::uint64_t begin, std::uint64_t length) {
                    // 2048 significands of 53 bits fit into 64: the inner loop vectorises.
                    constexpr std::uint64_t kBlock = 2048;
                    for (std::uint64_t done = 0; done < length; done += kBlock) {
                      const std::uint64_t size = std::min(kBlock, length - done);
                      const auto low = static_cast<std::uint32_t>(begin + done);
                      std::uint64_t sum = 0;
                      for (std::uint64_t i = 0; i < size; ++i) {
                        sum += scaled_element<T>(stream, low + static_cast<std::uint32_t>(i));
                      }
                      total += sum;
                    }
                  });
  return total;
}

/// The exact sum of what does not depend on the salt, remembered for each type and size.
template <class T>
Wide unsalted_sum(std::uint64_t elements, std::span<const int> cpus) {
  static std::mutex mutex;
  static std::map<std::uint64_t, Wide> known;
  const std::lock_guard lock(mutex);
  if (const auto found = known.find(elements); found != known.end()) return found->second;
  Wide total = 0;
  std::mutex total_mutex;
  parallel_over(elements - kSalted, cpus, [&](std::uint64_t first, std::uint64_t count) {
    const Wide part = exact_sum<T>(kSalted + first, count, 0);
    const std::lock_guard total_lock(total_mutex);
    total += part;
  });
  known.emplace(elements, total);
  return total;
}

}  // namespace

double error_bound(ElementType type, std::uint64_t elements, Rounding rounding) {
  if (type == ElementType::i32 || type == ElementType::i64 || elements <= 1) return 0;
  constexpr double kLambda = 7;
  // Elements are uniform in [1, 2). Where so few are added that their sum is not close to 1.5 n,
  // the certain bound is the smaller one.
  constexpr double kLargest = 2;
  constexpr double kMean = 1.5;
  const auto n = static_cast<double>(elements);
  const auto bound = [&](double unit, double chain, double span) {
    chain = std::min(chain, n - 1);
    span = std::min(span, n);
    const double certain = chain * unit / (1 - chain * unit);
    const double probable = kLambda * unit * std::sqrt(chain * span * kLargest / (kMean * n));
    return chain * unit < 0.5 ? std::min(certain, probable) : probable;
  };
  const double unit = type == ElementType::f32 ? 0x1p-24 : 0x1p-53;
  return bound(unit, static_cast<double>(rounding.chain), static_cast<double>(rounding.span)) +
         bound(0x1p-53, n, n);
}

template <class T>
void fill(std::span<T> part, std::uint64_t first, std::uint32_t salt) {
  T* out = part.data();
  for_each_stream(
      first, part.size(), kSalted, salt, 0,
      [&](Stream stream, std::uint64_t begin, std::uint64_t count) {
        const auto low = static_cast<std::uint32_t>(begin);
        for (std::uint64_t i = 0; i < count; ++i) {
          out[i] = std::bit_cast<T>(element_bits<T>(stream, low + static_cast<std::uint32_t>(i)));
        }
        out += count;
      });
}

template <class T>
Verdict verify(SumOf<T> sum, std::uint64_t elements, std::uint32_t salt, Rounding rounding,
               std::span<const int> cpus) {
  Wide exact = exact_sum<T>(0, std::min(elements, kSalted), salt);
  if (elements > kSalted) exact += unsalted_sum<T>(elements, cpus);
  if constexpr (std::is_floating_point_v<T>) {
    const long double reference =
        static_cast<long double>(exact) * std::ldexp(1.0L, -kSignificandBits<T>);
    const auto value = static_cast<long double>(sum);
    const auto error = static_cast<double>(
        reference == 0 ? std::fabs(value) : std::fabs(value - reference) / reference);
    const ElementType type = sizeof(T) == 4 ? ElementType::f32 : ElementType::f64;
    const double bound = error_bound(type, elements, rounding);
    // Written so that NaN is wrong.
    if (error <= bound) return {error, true, {}};
    return {error, false,
            fmt::format("the sum is {} instead of {}: relative error {:.2g}, at most {:.2g} is "
                        "rounding",
                        sum, static_cast<double>(reference), error, bound)};
  } else {
    const auto reference = static_cast<T>(static_cast<BitsOf<T>>(exact));
    if (sum == reference) return {0, true, {}};
    const auto should = static_cast<long double>(reference);
    const long double difference = static_cast<long double>(sum) - should;
    return {static_cast<double>(std::fabs(should == 0 ? difference : difference / should)), false,
            fmt::format("the sum is {} instead of {}", sum, reference)};
  }
}

}  // namespace reduction

#define CROSSOVER_INSTANTIATE(T)                                                          \
  template void reduction::fill<T>(std::span<T>, std::uint64_t, std::uint32_t);           \
  template Verdict reduction::verify<T>(SumOf<T>, std::uint64_t, std::uint32_t, Rounding, \
                                        std::span<const int>);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover
