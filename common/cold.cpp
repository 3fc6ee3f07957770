#include "common/cold.hpp"

#include <cstdint>
#include <stdexcept>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

#include "common/buffer.hpp"

namespace crossover {

namespace {

#if defined(__x86_64__)

/// CLFLUSHOPT, which does not wait for the one before: CPUID leaf 7, EBX bit 23.
bool has_clflushopt() {
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b >> 23 & 1U) != 0;
}

void remove_lines(const char* from, const char* end) {
  static const bool weakly_ordered = has_clflushopt();
  if (weakly_ordered) {
    for (; from < end; from += kLine) {
      asm volatile("clflushopt %0" : : "m"(*from) : "memory");
    }
  } else {
    for (; from < end; from += kLine) _mm_clflush(from);
  }
  _mm_mfence();
}

#elif defined(__aarch64__)

void remove_lines(const char* from, const char* end) {
  for (; from < end; from += kLine) asm volatile("dc civac, %0" : : "r"(from) : "memory");
  asm volatile("dsb ish" : : : "memory");
}

#else

void remove_lines(const char*, const char*) { throw std::logic_error(cold_unavailable()); }

#endif

}  // namespace

void remove_from_caches(const void* data, std::size_t bytes) {
  const auto address = reinterpret_cast<std::uintptr_t>(data);
  const auto* const first = reinterpret_cast<const char*>(address / kLine * kLine);
  remove_lines(first, static_cast<const char*>(data) + bytes);
}

const char* cold_unavailable() {
#if defined(__x86_64__) || defined(__aarch64__)
  return "";
#else
  return "this processor offers no way to empty its caches";
#endif
}

}  // namespace crossover
