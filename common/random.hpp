#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "common/element.hpp"

/// The inputs: a counter-based generator, so that any element can be made anew from its index
/// alone, by any worker and by the reference, and so that compilers vectorise it. All functions run
/// on GPUs too where a CUDA compiler reads them.
#ifdef __CUDACC__
#define CROSSOVER_HOST_DEVICE __host__ __device__
#else
#define CROSSOVER_HOST_DEVICE
#endif
#ifdef __CUDA_ARCH__
#define CROSSOVER_PRAGMA(TEXT) _Pragma(#TEXT)
#define CROSSOVER_UNROLL_ON_GPU(TIMES) CROSSOVER_PRAGMA(unroll TIMES)
#else
#define CROSSOVER_UNROLL_ON_GPU(TIMES)
#endif

namespace crossover {

/// A bijection on 32 bits whose output passes as random: Chris Wellons' "lowbias32"
/// (https://nullprogram.com/blog/2018/07/31/, public domain).
CROSSOVER_HOST_DEVICE constexpr std::uint32_t mix32(std::uint32_t x) {
  x = (x ^ (x >> 16)) * 0x7feb352dU;
  x = (x ^ (x >> 15)) * 0x846ca68bU;
  return x ^ (x >> 16);
}

/// The random stream of one block of 2^32 consecutive indices.
struct Stream {
  std::uint32_t key;

  CROSSOVER_HOST_DEVICE constexpr Stream(std::uint64_t index, std::uint32_t salt)
      : key(mix32(static_cast<std::uint32_t>(index >> 32) + 0x9e3779b9U * salt + 1)) {}

  /// 32 random bits for the element whose index has these low 32 bits.
  CROSSOVER_HOST_DEVICE constexpr std::uint32_t bits32(std::uint32_t low) const {
    return mix32(low ^ key);
  }
  /// 64 random bits; the lower half is bits32.
  CROSSOVER_HOST_DEVICE constexpr std::uint64_t bits64(std::uint32_t low) const {
    const std::uint32_t lower = bits32(low);
    return static_cast<std::uint64_t>(mix32(lower + 0x85ebca6bU)) << 32 | lower;
  }
  /// As many random bits as a `Bits` has.
  template <class Bits>
  CROSSOVER_HOST_DEVICE constexpr Bits bits(std::uint32_t low) const {
    if constexpr (sizeof(Bits) == 4) {
      return bits32(low);
    } else {
      return bits64(low);
    }
  }
};

/// The random stream of array `array` in the block of 2^32 indices that `index` is in.
CROSSOVER_HOST_DEVICE constexpr Stream array_stream(int array, std::uint64_t index,
                                                    std::uint32_t salt) {
  Stream stream(index, salt);
  stream.key ^= 0xc2b2ae35U * static_cast<std::uint32_t>(array);
  return stream;
}

/// Bits of a floating-point type's significand that are stored: 23, 52.
template <class T>
inline constexpr int kSignificandBits = sizeof(T) == 4 ? 23 : 52;

}  // namespace crossover
