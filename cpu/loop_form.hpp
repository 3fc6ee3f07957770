#pragma once

#include <fmt/format.h>

#include <string>

#include "common/buffer.hpp"
#include "common/workloads/pattern.hpp"

/// The forms of a loop: ways to write it that do the same. Which is fastest depends on the machine
/// and on where the data lies, so the harness chooses by measuring
/// (common/harness/form_search.hpp).
namespace crossover::cpu::detail {

/// The widest vector registers of the target, in bytes, and how many there are.
#if defined(__AVX512F__)
inline constexpr int kWidest = 64;
inline constexpr int kRegisters = 32;
#elif defined(__AVX__)
inline constexpr int kWidest = 32;
inline constexpr int kRegisters = 16;
#else
inline constexpr int kWidest = 16;
inline constexpr int kRegisters = 16;
#endif

/// Whether stores can be told to leave the caches alone.
#if defined(__x86_64__)
inline constexpr bool kCanStoreAround = true;
#else
inline constexpr bool kCanStoreAround = false;
#endif

enum class Stores { cached, around };

/// A loop over vectors of `Bytes` bytes that asks for what it reads `Ahead` bytes before it needs
/// it (0: it leaves that to the hardware), goes over so many stretches of its part side by side,
/// and stores through the caches or around them.
///
/// On an H100 machine's 16 cores (Xeon, 2 MiB L2), 1 GiB, over 16-byte vectors without more:
/// `double` with 64 bytes 1.21 x, 2 KiB ahead as well 1.27; the sum with 64 bytes 1.15 x, four
/// stretches as well 1.27; copy around the caches 1.58 x. On a two-core Xeon 16-byte vectors were
/// the fastest from memory, by 6 %. Farther ahead than 2 KiB gained nothing.
template <int Bytes, int Ahead = 0, int Stretches = 1, Stores How = Stores::cached>
struct LoopForm {
  static constexpr int kBytes = Bytes;
  static constexpr int kAhead = Ahead;
  static constexpr int kStretches = Stretches;
  static constexpr Stores kStores = How;

  /// "v64", "v64-ahead2048", "v32-x4", "v64-around".
  static std::string name() {
    return fmt::format("v{}{}{}{}", Bytes, Ahead > 0 ? fmt::format("-ahead{}", Ahead) : "",
                       Stretches > 1 ? fmt::format("-x{}", Stretches) : "",
                       How == Stores::around ? "-around" : "");
  }
};

/// Calls `visit(LoopForm{})` with each form that a loop of `Work` has, the plain one of the widest
/// vectors first. Chains of operations have that one only.
template <class Work, int Bytes = kWidest, class Visit>
void each_loop_form(Visit&& visit) {
  visit(LoopForm<Bytes>{});
  if constexpr (!Work::kChained) {
    if constexpr (Work::kPattern == Pattern::sum) {
      visit(LoopForm<Bytes, 0, 4>{});
    } else {
      visit(LoopForm<Bytes, 2048>{});
      if constexpr (Work::kPattern == Pattern::map_into && kCanStoreAround) {
        visit(LoopForm<Bytes, 0, 1, Stores::around>{});
      }
    }
    if constexpr (Bytes > 16) each_loop_form<Work, Bytes / 2>(visit);
  }
}

}  // namespace crossover::cpu::detail
