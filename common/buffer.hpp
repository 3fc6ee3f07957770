#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace crossover {

/// A cache line's bytes, on x86 and most others.
inline constexpr std::size_t kLine = 64;

/// Bytes that two workers must keep apart so as not to disturb each other: two 64-byte lines,
/// because the adjacent-line prefetcher of x86 fetches lines in pairs.
inline constexpr std::size_t kLinePair = 2 * kLine;

/// Whether the system gives huge pages when asked (madvise): what one model gets all get, and what
/// is forbidden to one is forbidden to all.
bool huge_pages_allowed();

/// Memory straight from the system: aligned to a huge page, on huge pages where the system gives
/// them, untouched (whoever writes first decides on which NUMA node a page lies). Owns its
/// mapping.
class Buffer {
 public:
  static constexpr std::string_view kName = "of one process";
  static constexpr std::size_t kAlignment = std::size_t{2} << 20;

  Buffer() = default;
  /// Reserves at least `bytes` bytes. Throws std::bad_alloc.
  explicit Buffer(std::size_t bytes);

  void* data() const { return data_.get(); }

  /// What a buffer for `bytes` bytes maps, rounded up to whole huge pages.
  static std::size_t mapped_bytes(std::size_t bytes);

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(void* data) const;
  };
  std::unique_ptr<void, Unmap> data_;
};

/// Worker `worker`'s share of `elements` elements among `workers`: contiguous, in order, together
/// all of them, and cut at cache lines, so that no line is written by two workers. The same for
/// every model.
struct Slice {
  std::uint64_t first = 0;
  std::uint64_t size = 0;
};

Slice slice_of(std::uint64_t elements, std::size_t element_bytes, int worker, int workers);

}  // namespace crossover
