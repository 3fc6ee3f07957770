#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "common/workloads/pattern.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/bundle.hpp"
#include "cpu/loop_form.hpp"

/// The loop bodies behind cpu/loops.hpp, for any workload on arrays.
namespace crossover::cpu::detail {

/// One worker's parts of the arrays of `Work` on elements of T, as words.
template <class Work, class T>
struct Parts {
  using W = Word<T>;
  static constexpr int kFirstInput = Work::kPattern == Pattern::map_into ? 1 : 0;
  using Inputs = std::make_integer_sequence<int, Work::kInputs>;

  std::array<W*, Work::kArrays> at;

  explicit Parts(void* const* arrays) {
    for (int array = 0; array < Work::kArrays; ++array) {
      at[static_cast<std::size_t>(array)] = static_cast<W*>(arrays[array]);
    }
  }

  /// element() of the inputs from element `i` on, as many as a V has.
  template <class V>
  V element(const Work& work, std::uint64_t i) const {
    return element<V>(work, i, Inputs{});
  }

  /// Asks for the line of each input that lies `bytes` bytes behind element `i`.
  void ask_ahead(std::uint64_t i, int bytes) const {
    for (std::size_t array = kFirstInput; array < at.size(); ++array) {
      __builtin_prefetch(reinterpret_cast<const char*>(at[array] + i) + bytes);
    }
  }

 private:
  template <class V, int... Input>
  V element(const Work& work, std::uint64_t i, std::integer_sequence<int, Input...>) const {
    if constexpr (requires { &V::store; }) {
      return work.element(V::load(at[kFirstInput + Input] + i)...);
    } else {
      return work.element(load<V>(at[kFirstInput + Input] + i)...);
    }
  }
};

/// The map of as many whole vectors as there are from element `i` on; returns where it ended.
template <class Form, class Work, class T>
std::uint64_t map_vectors(const Work& work, const Parts<Work, T>& parts, std::uint64_t i,
                          std::uint64_t count) {
  using V = Vector<Word<T>, Form::kBytes>;
  constexpr std::uint64_t kStep = sizeof(V) / sizeof(T);
  Word<T>* const out = parts.at[0];
  if constexpr (Form::kStores == Stores::around) {
    for (; i < count && reinterpret_cast<std::uintptr_t>(out + i) % sizeof(V) != 0; ++i) {
      out[i] = parts.template element<Word<T>>(work, i);
    }
#pragma GCC unroll 8
    for (; i + kStep <= count; i += kStep) {
      store_around(out + i, parts.template element<V>(work, i));
    }
    fence_stores_around();
  } else if constexpr (Form::kAhead > 0) {
    constexpr std::uint64_t kLineSteps = kLine / sizeof(V);
#pragma GCC unroll 4
    for (; i + kLineSteps * kStep <= count; i += kLineSteps * kStep) {
      parts.ask_ahead(i, Form::kAhead);
#pragma GCC unroll 4
      for (std::uint64_t step = 0; step < kLineSteps; ++step) {
        const std::uint64_t at = i + step * kStep;
        store(out + at, parts.template element<V>(work, at));
      }
    }
  } else {
#pragma GCC unroll 8
    for (; i + kStep <= count; i += kStep) store(out + i, parts.template element<V>(work, i));
  }
  return i;
}

template <class Form, class Work, class T>
void map_part(const void* self, void* const* arrays, std::uint64_t count) {
  using W = Word<T>;
  const Work work = *static_cast<const Work*>(self);  // a copy: no store can change it
  const Parts<Work, T> parts(arrays);
  std::uint64_t i = 0;
  if constexpr (Work::kChained) {
    // A multiply-add takes 4 cycles or so and two start in each: eight chains and some to spare.
    constexpr int kChains = kRegisters > 16 ? 12 : 10;
    using Chains = Bundle<W, Form::kBytes, kChains>;
    for (; i + Chains::kElements <= count; i += Chains::kElements) {
      parts.template element<Chains>(work, i).store(parts.at[0] + i);
    }
  }
  i = map_vectors<Form>(work, parts, i, count);
  for (; i < count; ++i) parts.at[0][i] = parts.template element<W>(work, i);
}

/// Floats are added up in floats for so many steps, and the blocks in double precision, which costs
/// nothing measurable and keeps the error of a billion elements at that of a hundred.
inline constexpr std::uint64_t kChain = 12;
inline constexpr std::uint64_t kAccumulators = 8;

/// How sum_part() rounds. Floats: 12 values a lane and eight lanes into one, at most 11 + 3
/// additions over 96 elements, before double precision takes over. That alone keeps any sum of
/// positive floats within 8.4e-7, however long it is.
template <class T>
inline constexpr Rounding kSumRounding =
    std::is_same_v<T, float> ? Rounding{kChain - 1 + 3, kChain* kAccumulators} : Rounding{0, 0};

/// The sum of the elements from `first` to `end`. Eight independent accumulators: with one, each
/// addition waits for the one before, and a sum in cache reaches a quarter of the speed. They are
/// shared out among the stretches.
template <class Form, class Work, class T>
Word<SumOf<T>> sum_from(const Work& work, const Parts<Work, T>& parts, std::uint64_t first,
                        std::uint64_t end) {
  constexpr int kBytes = Form::kBytes;
  using V = Vector<Word<T>, kBytes>;
  using W = Word<SumOf<T>>;
  using TotalLanes = Vector<W, kBytes>;
  constexpr std::uint64_t kLanes = kBytes / sizeof(T);
  constexpr std::uint64_t kStretches = Form::kStretches;
  constexpr std::uint64_t kStep = kAccumulators / kStretches * kLanes;  // of each stretch
  constexpr bool kWiden = std::is_same_v<T, float>;

  // Floats widen to twice their bytes: two registers.
  TotalLanes totals[2]{};
  const auto add = [&](V lanes) {
    if constexpr (kWiden) {
      totals[0] += __builtin_convertvector((lower<Word<T>, kBytes>(lanes)), TotalLanes);
      totals[1] += __builtin_convertvector((upper<Word<T>, kBytes>(lanes)), TotalLanes);
    } else {
      totals[0] += lanes;
    }
  };

  const std::uint64_t stretch = (end - first) / kStretches / kStep * kStep;
  const auto term = [&](std::uint64_t i, std::uint64_t k) {
    const std::uint64_t at = i + k % kStretches * stretch + k / kStretches * kLanes;
    return parts.template element<V>(work, at);
  };
  std::uint64_t i = first;
  while (i < first + stretch) {
    V a[kAccumulators];
#pragma GCC unroll 8
    for (std::uint64_t k = 0; k < kAccumulators; ++k) a[k] = term(i, k);
    i += kStep;
    // Only floats lose digits: the others are added up in one go.
    const std::uint64_t most = (first + stretch - i) / kStep;
    const std::uint64_t steps = kWiden ? std::min(most, kChain - 1) : most;
    for (const std::uint64_t stop = i + steps * kStep; i < stop; i += kStep) {
#pragma GCC unroll 8
      for (std::uint64_t k = 0; k < kAccumulators; ++k) a[k] += term(i, k);
    }
    add(((a[0] + a[1]) + (a[2] + a[3])) + ((a[4] + a[5]) + (a[6] + a[7])));
  }
  i = first + kStretches * stretch;
  for (; i + kLanes <= end; i += kLanes) add(parts.template element<V>(work, i));

  W total = across<W, kBytes>(totals[0] + totals[1]);
  for (; i < end; ++i) total += parts.template element<Word<T>>(work, i);
  return total;
}

template <class Form, class Work, class T>
Total sum_part(const void* self, void* const* arrays, std::uint64_t count) {
  const Work work = *static_cast<const Work*>(self);  // a copy: no store can change it
  const auto sum = sum_from<Form>(work, Parts<Work, T>(arrays), 0, count);
  if constexpr (std::is_floating_point_v<T>) {
    return Total{.real = sum};
  } else {
    return Total{.integer = sum};
  }
}

}  // namespace crossover::cpu::detail
