#include "common/buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>

namespace crossover {

namespace {

constexpr std::uint64_t kCacheLine = 64;

}  // namespace

std::size_t Buffer::mapped_bytes(std::size_t bytes) {
  return (std::max<std::size_t>(bytes, 1) + kAlignment - 1) / kAlignment * kAlignment;
}

Buffer::Buffer(std::size_t bytes) {
  const std::size_t mapped = mapped_bytes(bytes);
  if (mapped < bytes) throw std::bad_alloc();
  // mmap aligns to a small page: map one huge page more and give back what is around the aligned
  // part.
  const std::size_t reserved = mapped + kAlignment;
  void* const raw =
      mmap(nullptr, reserved, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  const auto start = reinterpret_cast<std::uintptr_t>(raw);
  const auto aligned = (start + kAlignment - 1) / kAlignment * kAlignment;
  if (aligned > start) munmap(raw, aligned - start);
  const auto end = start + reserved;
  if (end > aligned + mapped) {
    munmap(reinterpret_cast<void*>(aligned + mapped), end - aligned - mapped);
  }
  data_ = {reinterpret_cast<void*>(aligned), Unmap{mapped}};
  // Refused where the kernel has no transparent huge pages: small pages then, for every model.
  madvise(data(), mapped, MADV_HUGEPAGE);
}

void Buffer::Unmap::operator()(void* data) const { munmap(data, bytes); }

Slice slice_of(std::uint64_t elements, std::size_t element_bytes, int worker, int workers) {
  const std::uint64_t line = kCacheLine / element_bytes;
  const std::uint64_t lines = (elements + line - 1) / line;
  const auto count = static_cast<std::uint64_t>(workers);
  const auto index = static_cast<std::uint64_t>(worker);
  // The first `extra` workers get one line more than the others.
  const std::uint64_t share = lines / count;
  const std::uint64_t extra = lines % count;
  const std::uint64_t begin = (index * share + std::min(index, extra)) * line;
  const std::uint64_t end = begin + (share + (index < extra ? 1 : 0)) * line;
  const std::uint64_t first = std::min(begin, elements);
  return {first, std::min(end, elements) - first};
}

}  // namespace crossover
