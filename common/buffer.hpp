#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace crossover {

/// Bytes that two workers must keep apart so as not to disturb each other: two 64-byte lines,
/// because the adjacent-line prefetcher of x86 fetches lines in pairs.
inline constexpr std::size_t kLinePair = 128;

/// Memory straight from the system: aligned to a huge page, on huge pages where the system gives
/// them, untouched (whoever writes first decides on which NUMA node a page lies). Owns its
/// mapping.
class Buffer {
 public:
  static constexpr std::size_t kAlignment = std::size_t{2} << 20;

  Buffer() = default;
  /// Reserves at least `bytes` bytes. Throws std::bad_alloc.
  explicit Buffer(std::size_t bytes);
  Buffer(Buffer&& other) noexcept;
  Buffer& operator=(Buffer&& other) noexcept;
  ~Buffer();

  void* data() const { return data_; }

  /// What a buffer for `bytes` bytes maps, rounded up to whole huge pages.
  static std::size_t mapped_bytes(std::size_t bytes);

 private:
  void* data_ = nullptr;
  std::size_t mapped_ = 0;
};

/// An array of `size()` elements in a buffer of its own.
template <class T>
class Array {
 public:
  Array() = default;
  explicit Array(std::uint64_t elements) : buffer_(elements * sizeof(T)), elements_(elements) {}

  std::uint64_t size() const { return elements_; }
  std::span<T> all() const { return {static_cast<T*>(buffer_.data()), elements_}; }

 private:
  Buffer buffer_;
  std::uint64_t elements_ = 0;
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
