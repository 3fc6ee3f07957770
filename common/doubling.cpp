#include "common/doubling.hpp"

#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cmath>

#include "common/parallel.hpp"

namespace crossover {

namespace doubling {

template <class T>
std::int64_t operations_per_input() {
  if constexpr (std::is_floating_point_v<T>) {
    return sizeof(T) == 4 ? 240 : 2000;
  } else {
    return sizeof(T) == 4 ? 30 : 62;
  }
}

template <class T>
void fill(std::span<T> part, std::uint64_t first, std::uint32_t salt) {
  T* out = part.data();
  for_each_stream(first, part.size(), 0, salt, salt,
                  [&](Stream stream, std::uint64_t begin, std::uint64_t count) {
                    const auto low = static_cast<std::uint32_t>(begin);
                    for (std::uint64_t i = 0; i < count; ++i) {
                      out[i] = std::bit_cast<T>(
                          expected_bits<T>(stream, low + static_cast<std::uint32_t>(i), 0));
                    }
                    out += count;
                  });
}

template <class T>
Verdict verify(std::span<const T> data, std::uint32_t salt, std::int64_t doublings,
               std::span<const int> cpus, std::uint64_t offset) {
  constexpr std::uint64_t kNone = ~std::uint64_t{0};
  std::atomic<std::uint64_t> wrong{0};
  std::atomic<std::uint64_t> first_wrong{kNone};
  parallel_over(data.size(), cpus, [&](std::uint64_t first, std::uint64_t count) {
    for_each_stream(
        offset + first, count, 0, salt, salt,
        [&](Stream stream, std::uint64_t begin, std::uint64_t length) {
          // In blocks: the loop that counts vectorises, the one that finds the place is rarely
          // needed.
          constexpr std::uint64_t kBlock = 4096;
          for (std::uint64_t block = begin; block < begin + length; block += kBlock) {
            const std::uint64_t size = std::min(kBlock, begin + length - block);
            const auto low = static_cast<std::uint32_t>(block);
            const T* const x = data.data() + (block - offset);
            std::uint32_t differ = 0;
            for (std::uint64_t i = 0; i < size; ++i) {
              differ +=
                  std::bit_cast<BitsOf<T>>(x[i]) !=
                          expected_bits<T>(stream, low + static_cast<std::uint32_t>(i), doublings)
                      ? 1
                      : 0;
            }
            if (differ == 0) continue;
            wrong += differ;
            std::uint64_t at = 0;
            while (std::bit_cast<BitsOf<T>>(x[at]) ==
                   expected_bits<T>(stream, low + static_cast<std::uint32_t>(at), doublings)) {
              ++at;
            }
            std::uint64_t seen = first_wrong;
            while (block + at < seen && !first_wrong.compare_exchange_weak(seen, block + at)) {
            }
          }
        });
  });
  if (wrong == 0) return {0, true, {}};
  const std::uint64_t at = first_wrong;
  const auto expected = std::bit_cast<T>(
      expected_bits<T>(Stream(at, salt), static_cast<std::uint32_t>(at), doublings));
  const auto is = static_cast<long double>(data[at - offset]);
  const auto should = static_cast<long double>(expected);
  return {static_cast<double>(std::fabs((is - should) / should)), false,
          fmt::format("{} of {} elements are wrong; the first is x[{}] = {} instead of {}",
                      wrong.load(), data.size(), at, data[at - offset], expected)};
}

}  // namespace doubling

#define CROSSOVER_INSTANTIATE(T)                                                        \
  template std::int64_t doubling::operations_per_input<T>();                            \
  template void doubling::fill<T>(std::span<T>, std::uint64_t, std::uint32_t);          \
  template Verdict doubling::verify<T>(std::span<const T>, std::uint32_t, std::int64_t, \
                                       std::span<const int>, std::uint64_t);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover
