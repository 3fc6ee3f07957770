#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "common/workloads/pattern.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/bundle.hpp"

/// The loop bodies behind cpu/loops.hpp, for any workload on arrays.
namespace crossover::cpu::detail {

/// The widest vector registers of the target, in bytes, and how many there are.
#if defined(__AVX512F__)
inline constexpr int kWidest = 64;
inline constexpr int kRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kWidest = 32;
inline constexpr int kRegisters = 16;
#else
inline constexpr int kWidest = 16;
inline constexpr int kRegisters = 16;
#endif

/// At most `Bytes` bytes a vector.
template <int Bytes>
inline constexpr int kUpTo = std::min(kWidest, Bytes);

/// How wide vectors are goes by where a slice lies, the first-level cache, a cache or memory. On a
/// Xeon with AVX-512 (48 KiB L1, 2 MiB L2), in GB/s:
///
///     bytes a vector                  64     32     16
///     double, 16 KiB                 455    366    209
///     double, 1 MiB                  122    132    132
///     double, 1 GiB                         30.9   32.8
///     sum of floats, 1 MiB           184    149     92
///     sum of floats, 1 GiB          16.7   15.1   18.9
///
/// From memory, loops that touch a line several times leave more to the prefetchers than those
/// whose every load misses.
inline constexpr std::uint64_t kFirstLevelBytes = 32 * 1024;
inline constexpr std::uint64_t kCacheBytes = 4 * 1024 * 1024;

/// One worker's parts of the arrays of `Work` on elements of T, as words.
template <class Work, class T>
struct Parts {
  using W = Word<T>;
  static constexpr int kFirstInput = Work::kPattern == Pattern::map_into ? 1 : 0;
  using Inputs = std::make_integer_sequence<int, Work::kInputs>;

  std::array<W*, Work::kArrays> at;

  explicit Parts(void* const* arrays) {
    for (int array = 0; array < Work::kArrays; ++array) {
      at[static_cast<std::size_t>(array)] = static_cast<W*>(arrays[array]);
    }
  }

  /// element() of the inputs from element `i` on, as many as a V has.
  template <class V>
  V element(const Work& work, std::uint64_t i) const {
    return element<V>(work, i, Inputs{});
  }

 private:
  template <class V, int... Input>
  V element(const Work& work, std::uint64_t i, std::integer_sequence<int, Input...>) const {
    if constexpr (requires { &V::store; }) {
      return work.element(V::load(at[kFirstInput + Input] + i)...);
    } else {
      return work.element(load<V>(at[kFirstInput + Input] + i)...);
    }
  }
};

/// The map of as many whole `V`s as there are from element `i` on; returns where it ended.
template <class V, class Work, class T>
inline std::uint64_t map_by(const Work& work, const Parts<Work, T>& parts, std::uint64_t i,
                            std::uint64_t count) {
  constexpr std::uint64_t kStep = sizeof(V) / sizeof(T);
  Word<T>* const out = parts.at[0];
#pragma GCC unroll 8
  for (; i + kStep <= count; i += kStep) store(out + i, parts.template element<V>(work, i));
  return i;
}

template <class Work, class T>
void map_part(const void* self, void* const* arrays, std::uint64_t count) {
  using W = Word<T>;
  const Work work = *static_cast<const Work*>(self);  // a copy: no store can change it
  const Parts<Work, T> parts(arrays);
  std::uint64_t i = 0;
  if constexpr (Work::kChained) {
    // A multiply-add takes 4 cycles or so and two start in each: eight chains and some to spare.
    constexpr int kChains = kRegisters > 16 ? 12 : 10;
    using Chains = Bundle<W, kWidest, kChains>;
    for (; i + Chains::kElements <= count; i += Chains::kElements) {
      parts.template element<Chains>(work, i).store(parts.at[0] + i);
    }
    i = map_by<Vector<W, kWidest>>(work, parts, i, count);
  } else {
    const std::uint64_t bytes = count * sizeof(T) * Work::kArrays;
    i = bytes <= kFirstLevelBytes ? map_by<Vector<W, kWidest>>(work, parts, i, count)
        : bytes <= kCacheBytes    ? map_by<Vector<W, kUpTo<32>>>(work, parts, i, count)
                                  : map_by<Vector<W, kUpTo<16>>>(work, parts, i, count);
  }
  for (; i < count; ++i) parts.at[0][i] = parts.template element<W>(work, i);
}

/// Floats are added up in floats for so many steps, and the blocks in double precision, which costs
/// nothing measurable and keeps the error of a billion elements at that of a hundred.
inline constexpr std::uint64_t kChain = 12;
inline constexpr int kAccumulators = 8;

/// How sum_part() rounds. Floats: 12 values a lane and eight lanes into one, at most 11 + 3
/// additions over 96 elements, before double precision takes over. That alone keeps any sum of
/// positive floats within 8.4e-7, however long it is.
template <class T>
inline constexpr Rounding kSumRounding =
    std::is_same_v<T, float> ? Rounding{kChain - 1 + 3, kChain* kAccumulators} : Rounding{0, 0};

/// The sum with vectors of `Bytes` bytes. Eight independent accumulators: with one, each addition
/// waits for the one before, and a sum in cache reaches a quarter of the speed.
template <int Bytes, class Work, class T>
Word<SumOf<T>> sum_by(const Work& work, const Parts<Work, T>& parts, std::uint64_t count) {
  using V = Vector<Word<T>, Bytes>;
  using W = Word<SumOf<T>>;
  using TotalLanes = Vector<W, Bytes>;
  constexpr std::uint64_t kLanes = Bytes / sizeof(T);
  constexpr std::uint64_t kStep = kAccumulators * kLanes;
  constexpr bool kWiden = std::is_same_v<T, float>;

  // Floats widen to twice their bytes: two registers.
  TotalLanes totals[2]{};
  std::uint64_t i = 0;

  const auto add = [&](V lanes) {
    if constexpr (kWiden) {
      totals[0] += __builtin_convertvector((lower<Word<T>, Bytes>(lanes)), TotalLanes);
      totals[1] += __builtin_convertvector((upper<Word<T>, Bytes>(lanes)), TotalLanes);
    } else {
      totals[0] += lanes;
    }
  };

  while (i + kStep <= count) {
    V a[kAccumulators];
#pragma GCC unroll 8
    for (int k = 0; k < kAccumulators; ++k) {
      a[k] = parts.template element<V>(work, i + static_cast<std::uint64_t>(k) * kLanes);
    }
    i += kStep;
    // Only floats lose digits: the others are added up in one go.
    const std::uint64_t most = (count - i) / kStep;
    const std::uint64_t steps = kWiden ? std::min(most, kChain - 1) : most;
    for (const std::uint64_t end = i + steps * kStep; i < end; i += kStep) {
#pragma GCC unroll 8
      for (int k = 0; k < kAccumulators; ++k) {
        a[k] += parts.template element<V>(work, i + static_cast<std::uint64_t>(k) * kLanes);
      }
    }
    add(((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
  }
  for (; i + kLanes <= count; i += kLanes) add(parts.template element<V>(work, i));

  W total = across<W, Bytes>(totals[0] + totals[1]);
  for (; i < count; ++i) total += parts.template element<Word<T>>(work, i);
  return total;
}

template <class Work, class T>
Total sum_part(const void* self, void* const* arrays, std::uint64_t count) {
  const Work work = *static_cast<const Work*>(self);  // a copy: no store can change it
  const Parts<Work, T> parts(arrays);
  const bool in_cache = count * sizeof(T) * Work::kArrays <= kCacheBytes;
  const auto sum =
      in_cache ? sum_by<kWidest>(work, parts, count) : sum_by<kUpTo<16>>(work, parts, count);
  if constexpr (std::is_floating_point_v<T>) {
    return Total{.real = sum};
  } else {
    return Total{.integer = sum};
  }
}

}  // namespace crossover::cpu::detail
