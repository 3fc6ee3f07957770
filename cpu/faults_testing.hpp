#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "common/model.hpp"
#include "common/workload.hpp"
#include "cpu/loops.hpp"

/// For the tests of verification: loops (cpu/loops.hpp) that go wrong where they are told to, and
/// teams (cpu/operations.hpp) that lose workers.
namespace crossover::cpu {

enum class Fault : std::uint32_t {
  none,
  idle,            ///< nothing is done
  skipped_tail,    ///< nor with the last element
  zeroed_tail,     ///< which is 0 afterwards
  not_a_number,    ///< or no number; an integer is -1
  wrong_element,   ///< one of them
  stale,           ///< what there was is handed out again
  swapped_arrays,  ///< one array is taken for another
  kCount
};

class FaultyLoops : public Loops {
 public:
  /// How those of this process go wrong from now on, and of those forked from it later.
  inline static Fault fault = Fault::none;
  /// The process whose loops are right all the same.
  inline static pid_t spared = 0;

  FaultyLoops(const Workload& workload, ElementType type)
      : Loops(workload, type),
        arrays_(static_cast<std::size_t>(workload.arrays)),
        bytes_(size_of(type)),
        is_integer_(type == ElementType::i32 || type == ElementType::i64) {}

  void map(void* const* arrays, std::uint64_t count) const {
    const Fault mine = here();
    const bool first = calls_++ == 0;
    if (count == 0 || mine == Fault::idle || (mine == Fault::stale && !first)) return;
    if (mine == Fault::swapped_arrays) {
      auto others = copy(arrays);
      std::swap(others[arrays_ - 1], others[arrays_ - 2]);
      return Loops::map(others.data(), count);
    }
    Loops::map(arrays, mine == Fault::skipped_tail ? count - 1 : count);
    std::byte* const last = element(arrays, count - 1);
    if (mine == Fault::zeroed_tail) std::memset(last, 0, bytes_);
    if (mine == Fault::not_a_number) std::memset(last, 0xff, bytes_);
    if (mine == Fault::wrong_element) flip(element(arrays, count / 3));
  }

  Total sum(void* const* arrays, std::uint64_t count) const {
    const Fault mine = here();
    const bool first = calls_++ == 0;
    if (count == 0 || mine == Fault::idle) return zero();
    if (mine == Fault::stale && !first) return kept_;
    if (mine == Fault::not_a_number) {
      Total none{};
      std::memset(&none, 0xff, sizeof none);
      return none;
    }
    if (mine == Fault::swapped_arrays) {
      // Swapped, most sums are what they were.
      auto others = copy(arrays);
      others[0] = others[arrays_ - 1];
      return Loops::sum(others.data(), count);
    }
    if (mine == Fault::wrong_element) flip(element(arrays, count / 3));
    const bool shorter = mine == Fault::skipped_tail || mine == Fault::zeroed_tail;
    kept_ = Loops::sum(arrays, shorter ? count - 1 : count);
    if (mine == Fault::wrong_element) flip(element(arrays, count / 3));
    return kept_;
  }

 private:
  static Fault here() { return spared != 0 && getpid() == spared ? Fault::none : fault; }

  std::array<void*, kMostArrays> copy(void* const* arrays) const {
    std::array<void*, kMostArrays> all{};
    std::copy_n(arrays, arrays_, all.begin());
    return all;
  }
  std::byte* element(void* const* arrays, std::uint64_t index) const {
    return static_cast<std::byte*>(arrays[0]) + index * bytes_;
  }
  /// The sign, or an integer's lowest bit (little-endian).
  void flip(std::byte* at) const {
    if (is_integer_) {
      at[0] ^= std::byte{1};
    } else {
      at[bytes_ - 1] ^= std::byte{0x80};
    }
  }

  std::size_t arrays_;
  std::size_t bytes_;
  bool is_integer_;
  mutable std::uint64_t calls_ = 0;
  mutable Total kept_{};
};

/// Loops that do what `Faulty` does, which is made as Loops are and has their map() and sum().
template <class Faulty>
Loops spoilt(const Workload& workload, ElementType type) {
  Loops loops(workload, type);
  loops.work = std::make_shared<const Faulty>(workload, type);
  if (loops.is_sum()) {
    loops.sum_part = [](const void* work, void* const* arrays, std::uint64_t count) {
      return static_cast<const Faulty*>(work)->sum(arrays, count);
    };
  } else {
    loops.map_part = [](const void* work, void* const* arrays, std::uint64_t count) {
      static_cast<const Faulty*>(work)->map(arrays, count);
    };
  }
  return loops;
}

/// The faults that are faults in this workload.
inline std::vector<Fault> faults_of(const Workload& workload) {
  std::vector<Fault> all;
  for (std::uint32_t i = 1; i < static_cast<std::uint32_t>(Fault::kCount); ++i) {
    const auto fault = static_cast<Fault>(i);
    if (fault != Fault::swapped_arrays || workload.arrays > 1) all.push_back(fault);
  }
  return all;
}

/// Workers one after the other.
class InTurn {
 public:
  InTurn(int workers, const Placement&) : workers_(workers) {}
  template <class Body>
  void run(Body&& body) {
    for (int worker = 0; worker < workers_; ++worker) body(worker);
  }

 protected:
  int workers_;
};

/// The last worker never comes.
class LostWorker : public InTurn {
 public:
  using InTurn::InTurn;
  template <class Body>
  void run(Body&& body) {
    for (int worker = 0; worker + 1 < workers_; ++worker) body(worker);
  }
};

}  // namespace crossover::cpu
