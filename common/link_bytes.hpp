#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

/// The bytes that the workload `link` carries. Each can be made from its place and the salt alone,
/// so that any piece of them can be written and checked by itself.
namespace crossover {

/// Writes those from place `first` on, a multiple of 4.
void write_link_bytes(std::span<std::byte> to, std::uint64_t first, std::uint32_t salt);

/// How many of `found` are not as they should be.
std::uint64_t wrong_link_bytes(std::span<const std::byte> found, std::uint64_t first,
                               std::uint32_t salt);

}  // namespace crossover
