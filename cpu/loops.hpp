#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

#include "common/element.hpp"
#include "common/random.hpp"
#include "common/reduction.hpp"

/// The loop bodies: what one worker does with its slice. All CPU models share them, so that the
/// difference between two models is how they parallelise and nothing else.
namespace crossover::loops {

/// `T`, or for integers the unsigned type of its width: arithmetic that wraps by definition.
template <class T>
using Wrapping = std::conditional_t<std::is_floating_point_v<T>, T, BitsOf<T>>;

namespace detail {

/// A vector register of `Bytes` bytes.
template <class T, int Bytes>
using Vector [[gnu::vector_size(Bytes)]] = Wrapping<T>;

/// Loads and stores anywhere an element may lie: compilers make one instruction of the copy.
/// (clang drops an alignment that depends on a template parameter.)
template <class V>
inline V load(const void* from) {
  V value;
  __builtin_memcpy(&value, from, sizeof(V));
  return value;
}
template <class V>
inline void store(void* to, V value) {
  __builtin_memcpy(to, &value, sizeof(V));
}

template <class T, int Bytes>
inline std::uint64_t double_vectors(T* x, std::uint64_t n) {
  constexpr std::uint64_t kLanes = Bytes / sizeof(T);
  std::uint64_t i = 0;
#pragma GCC unroll 8
  for (; i + kLanes <= n; i += kLanes) {
    const auto v = load<Vector<T, Bytes>>(x + i);
    store(x + i, v + v);
  }
  return i;
}

/// Half of a vector's lanes, from lane `First` on.
template <class T, int Bytes, std::size_t First, std::size_t... Lane>
inline Vector<T, Bytes / 2> half(Vector<T, Bytes> v, std::index_sequence<Lane...>) {
  return __builtin_shufflevector(v, v, (First + Lane)...);
}
template <class T, int Bytes>
inline Vector<T, Bytes / 2> lower(Vector<T, Bytes> v) {
  return half<T, Bytes, 0>(v, std::make_index_sequence<Bytes / 2 / sizeof(T)>());
}
template <class T, int Bytes>
inline Vector<T, Bytes / 2> upper(Vector<T, Bytes> v) {
  constexpr std::size_t kHalf = Bytes / 2 / sizeof(T);
  return half<T, Bytes, kHalf>(v, std::make_index_sequence<kHalf>());
}

/// The sum of all lanes, by halves: a chain of additions as long as the logarithm of the lanes.
template <class T, int Bytes>
inline Wrapping<T> across(Vector<T, Bytes> v) {
  if constexpr (Bytes == 2 * sizeof(T)) {
    return v[0] + v[1];
  } else {
    return across<T, Bytes / 2>(lower<T, Bytes>(v) + upper<T, Bytes>(v));
  }
}

/// The widest vector registers of the target, in bytes.
#if defined(__AVX512F__)
inline constexpr int kWidest = 64;
#elif defined(__AVX__)
inline constexpr int kWidest = 32;
#else
inline constexpr int kWidest = 16;
#endif

/// At most `Bytes` bytes a vector.
template <int Bytes>
inline constexpr int kUpTo = std::min(kWidest, Bytes);

/// The sum with vectors of `Bytes` bytes.
///
/// Eight independent vector accumulators: with one, each addition waits for the one before, and a
/// sum in cache reaches a quarter of the speed. Floats are added up in floats for kChain steps only
/// and the blocks in double precision, which costs nothing measurable and keeps the error of a
/// billion elements at that of a hundred.
template <class T, int Bytes>
Wrapping<SumOf<T>> sum_vectors(const T* data, std::uint64_t n) {
  constexpr int kAccumulators = 8;
  constexpr std::uint64_t kLanes = Bytes / sizeof(T);
  constexpr std::uint64_t kStep = kAccumulators * kLanes;
  constexpr std::uint64_t kChain = 12;
  constexpr bool kWiden = std::is_same_v<T, float>;
  using Lanes = Vector<T, Bytes>;
  using Total = SumOf<T>;
  using TotalLanes = Vector<Total, Bytes>;

  // Floats widen to twice their bytes: two registers.
  TotalLanes totals[2]{};
  std::uint64_t i = 0;

  const auto add = [&](Lanes lanes) {
    if constexpr (kWiden) {
      totals[0] += __builtin_convertvector((lower<T, Bytes>(lanes)), TotalLanes);
      totals[1] += __builtin_convertvector((upper<T, Bytes>(lanes)), TotalLanes);
    } else {
      totals[0] += lanes;
    }
  };

  while (i + kStep <= n) {
    Lanes a[kAccumulators];
#pragma GCC unroll 8
    for (int k = 0; k < kAccumulators; ++k) a[k] = load<Lanes>(data + i + k * kLanes);
    i += kStep;
    // Only floats lose digits: the others are added up in one go.
    const std::uint64_t steps = kWiden ? std::min((n - i) / kStep, kChain - 1) : (n - i) / kStep;
    for (const std::uint64_t end = i + steps * kStep; i < end; i += kStep) {
#pragma GCC unroll 8
      for (int k = 0; k < kAccumulators; ++k) a[k] += load<Lanes>(data + i + k * kLanes);
    }
    add(((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
  }
  for (; i + kLanes <= n; i += kLanes) add(load<Lanes>(data + i));

  auto total = across<Total, Bytes>(totals[0] + totals[1]);
  for (; i < n; ++i) total += static_cast<Wrapping<T>>(data[i]);
  return total;
}

}  // namespace detail

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

/// x[i] *= 2 for all of `x`.
template <class T>
void double_in_place(std::span<T> x) {
  using namespace detail;
  T* const data = x.data();
  const std::uint64_t n = x.size();
  const std::uint64_t bytes = n * sizeof(T);
  std::uint64_t i = bytes <= kFirstLevelBytes ? double_vectors<T, kWidest>(data, n)
                    : bytes <= kCacheBytes    ? double_vectors<T, kUpTo<32>>(data, n)
                                              : double_vectors<T, kUpTo<16>>(data, n);
  for (; i < n; ++i) {
    const auto value = static_cast<Wrapping<T>>(data[i]);
    data[i] = static_cast<T>(value + value);
  }
}

/// How sum() rounds (see reduction::Rounding). Floats: 12 values a lane and eight lanes into one,
/// at most 11 + 3 additions over 96 elements, before double precision takes over. That alone keeps
/// any sum of positive floats within 8.4e-7, however long it is.
template <class T>
inline constexpr reduction::Rounding kSumRounding =
    std::is_same_v<T, float> ? reduction::Rounding{14, 96} : reduction::Rounding{0, 0};

/// The sum of all of `x`; integers wrap.
template <class T>
SumOf<T> sum(std::span<const T> x) {
  using namespace detail;
  const bool in_cache = x.size() * sizeof(T) <= kCacheBytes;
  return static_cast<SumOf<T>>(in_cache ? sum_vectors<T, kWidest>(x.data(), x.size())
                                        : sum_vectors<T, kUpTo<16>>(x.data(), x.size()));
}

}  // namespace crossover::loops
