#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "common/workloads/pattern.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/// Vector registers, and several of them side by side.
namespace crossover::cpu::detail {

/// A vector register of `Bytes` bytes.
template <class W, int Bytes>
using Vector [[gnu::vector_size(Bytes)]] = W;

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

/// Stores where `to` is aligned to the vector, around the caches; other threads see it after
/// fence_stores_around().
#if defined(__x86_64__)
template <class V>
inline void store_around(void* to, V value) {
  if constexpr (sizeof(V) == 16) {
    _mm_stream_si128(static_cast<__m128i*>(to), __builtin_bit_cast(__m128i, value));
#if defined(__AVX__)
  } else if constexpr (sizeof(V) == 32) {
    _mm256_stream_si256(static_cast<__m256i*>(to), __builtin_bit_cast(__m256i, value));
#endif
#if defined(__AVX512F__)
  } else {
    static_assert(sizeof(V) == 64);
    _mm512_stream_si512(static_cast<__m512i*>(to), __builtin_bit_cast(__m512i, value));
#endif
  }
}
inline void fence_stores_around() { _mm_sfence(); }
#else
inline void fence_stores_around() {}  // no form has such stores here: kCanStoreAround
#endif

/// Half of a vector's lanes, from lane `First` on.
template <class W, int Bytes, std::size_t First, std::size_t... Lane>
inline Vector<W, Bytes / 2> half(Vector<W, Bytes> v, std::index_sequence<Lane...>) {
  return __builtin_shufflevector(v, v, (First + Lane)...);
}
template <class W, int Bytes>
inline Vector<W, Bytes / 2> lower(Vector<W, Bytes> v) {
  return half<W, Bytes, 0>(v, std::make_index_sequence<Bytes / 2 / sizeof(W)>());
}
template <class W, int Bytes>
inline Vector<W, Bytes / 2> upper(Vector<W, Bytes> v) {
  constexpr std::size_t kHalf = Bytes / 2 / sizeof(W);
  return half<W, Bytes, kHalf>(v, std::make_index_sequence<kHalf>());
}

/// The sum of all lanes, by halves: a chain of additions as long as the logarithm of the lanes.
template <class W, int Bytes>
inline W across(Vector<W, Bytes> v) {
  if constexpr (Bytes == 2 * sizeof(W)) {
    return v[0] + v[1];
  } else {
    return across<W, Bytes / 2>(lower<W, Bytes>(v) + upper<W, Bytes>(v));
  }
}

/// `kCount` vectors of `Bytes` bytes that everything is done to alike: what is a chain of
/// operations for one of them is as many chains side by side for all, none of which waits for
/// another.
///
/// (By word and bytes: a vector type as a template's argument loses its size.)
template <class W, int Bytes, int kCount>
struct Bundle {
  using Lane = W;
  static constexpr std::uint64_t kElements = kCount * Bytes / sizeof(W);
  Vector<W, Bytes> at[kCount];

  static Bundle load(const W* from) {
    Bundle bundle;
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) {
      bundle.at[i] = detail::load<Vector<W, Bytes>>(from + i * kLanes);
    }
    return bundle;
  }
  void store(W* to) const {
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) detail::store(to + i * kLanes, at[i]);
  }

#define CROSSOVER_OPERATOR(OP)                                                              \
  friend Bundle operator OP(Bundle a, const Bundle& b) {                                    \
    _Pragma("GCC unroll 16") for (int i = 0; i < kCount; ++i) a.at[i] = a.at[i] OP b.at[i]; \
    return a;                                                                               \
  }                                                                                         \
  friend Bundle operator OP(Lane a, Bundle b) {                                             \
    _Pragma("GCC unroll 16") for (int i = 0; i < kCount; ++i) b.at[i] = a OP b.at[i];       \
    return b;                                                                               \
  }                                                                                         \
  friend Bundle operator OP(Bundle a, Lane b) {                                             \
    _Pragma("GCC unroll 16") for (int i = 0; i < kCount; ++i) a.at[i] = a.at[i] OP b;       \
    return a;                                                                               \
  }
  CROSSOVER_OPERATOR(+)
  CROSSOVER_OPERATOR(-)
  CROSSOVER_OPERATOR(*)
  CROSSOVER_OPERATOR(/)
#undef CROSSOVER_OPERATOR

 private:
  static constexpr int kLanes = Bytes / static_cast<int>(sizeof(W));
};

}  // namespace crossover::cpu::detail
