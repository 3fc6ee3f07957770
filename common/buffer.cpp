#include "common/buffer.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <new>
#include <string>

#include "common/system_file.hpp"

namespace crossover {

bool huge_pages_allowed() {
  const auto enabled = read_word("/sys/kernel/mm/transparent_hugepage/enabled");
  return enabled && enabled->find("[never]") == std::string::npos;
}

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
  const std::uint64_t line = kLine / element_bytes;
  const std::uint64_t lines = (elements + line - 1) / line;
  const auto count = static_cast<std::uint64_t>(workers);
  const auto begin_of = [&](std::uint64_t index) {
    // The first workers get one line more than the others where lines are left over.
    return std::min((index * (lines / count) + std::min(index, lines % count)) * line, elements);
  };
  const auto index = static_cast<std::uint64_t>(worker);
  return {begin_of(index), begin_of(index + 1) - begin_of(index)};
}

}  // namespace crossover
