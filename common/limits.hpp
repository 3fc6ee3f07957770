#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

/// What the system lets this process have, beyond what the hardware has: control groups (v1 and
/// v2, nested) and resource limits.
namespace crossover {

/// Where the pseudo file systems are; tests point it at a tree of their own.
struct SystemRoot {
  std::filesystem::path path = "/";
};

/// CPUs that the tightest control group's quota allows, if any has one.
std::optional<double> cpu_quota(const SystemRoot& root = {});

/// The tightest memory limit of the process's control groups in bytes, if any has one.
std::optional<std::uint64_t> memory_limit(const SystemRoot& root = {});

/// What available_memory() leaves to the kernel and to the rest of this process: 32 MiB, for stacks
/// and the control groups' per-CPU charges (256 KiB a CPU), and a 64th, of which page tables of
/// small pages take an eighth (8 bytes for each 4 KiB).
inline constexpr std::uint64_t kMemoryMargin = std::uint64_t{32} << 20;
inline constexpr std::uint64_t kMemoryMarginShare = 64;

/// Bytes that can be allocated and touched now without waking the kernel's OOM killer, less the
/// margin above: the least of what the system calls available (on the NUMA nodes that the process
/// may use), what the control groups leave, what the resource limits leave, and what strict commit
/// accounting leaves. Swap does not count: a benchmark that swaps measures the disk.
std::uint64_t available_memory(const SystemRoot& root = {});

}  // namespace crossover
