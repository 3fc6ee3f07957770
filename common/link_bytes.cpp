#include "common/link_bytes.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "common/random.hpp"

namespace crossover {

namespace {

using Four = std::uint32_t;  // bytes

Four word(std::uint64_t place, std::uint32_t salt) {
  const std::uint64_t index = place / sizeof(Four);
  return Stream(index, salt).bits32(static_cast<std::uint32_t>(index));
}

/// `body(place within the bytes, size, word that belongs there)`.
template <class Body>
void each_word(std::size_t bytes, std::uint64_t first, std::uint32_t salt, Body&& body) {
  const std::size_t whole = bytes / sizeof(Four) * sizeof(Four);
  for (std::size_t at = 0; at < whole; at += sizeof(Four)) {
    body(at, sizeof(Four), word(first + at, salt));
  }
  if (whole < bytes) body(whole, bytes - whole, word(first + whole, salt));
}

}  // namespace

void write_link_bytes(std::span<std::byte> to, std::uint64_t first, std::uint32_t salt) {
  each_word(to.size(), first, salt, [&](std::size_t at, std::size_t size, Four value) {
    std::memcpy(to.data() + at, &value, size);
  });
}

std::uint64_t wrong_link_bytes(std::span<const std::byte> found, std::uint64_t first,
                               std::uint32_t salt) {
  std::uint64_t wrong = 0;
  each_word(found.size(), first, salt, [&](std::size_t at, std::size_t size, Four value) {
    if (std::memcmp(found.data() + at, &value, size) == 0) return;
    const auto right = std::bit_cast<std::array<std::byte, sizeof(Four)>>(value);
    for (std::size_t i = 0; i < size; ++i) wrong += found[at + i] == right[i] ? 0 : 1;
  });
  return wrong;
}

}  // namespace crossover
