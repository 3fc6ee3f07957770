#pragma once

#include <array>
#include <cmath>

#include "common/workloads/pattern.hpp"

namespace crossover::arrays {

/// `fma1` to `fma1024`: k multiply-adds on each element, x = a x + b, in place. One element's are a
/// chain, each waiting for the one before; the chains of different elements do not depend on one
/// another, and an executor runs as many side by side as its hardware needs. So the same bytes
/// cost from one to a thousand multiply-adds: from bound by memory to bound by arithmetic.
///
/// a is a little above 1 and b = a - 1, so that (x + 1) grows by the factor a with each
/// multiply-add and by about 1/50 with each operation: a result that is one operation behind
/// differs by more than all roundings together.
struct Fma : MapInPlace<1> {
  static constexpr std::string_view kSummary = "k multiply-adds on each x[i], in place";
  static constexpr bool kInPresets = false;
  static constexpr std::string_view kFamily = "fma";
  static constexpr bool kChained = true;
  using Types = FloatTypes;

  constexpr explicit Fma(int steps)
      : parameter(steps), a32(1 + 0.0203F / static_cast<float>(steps)), a64(a32) {}

  static constexpr std::array<Fma, 11> family();

  std::string name() const { return "fma" + std::to_string(parameter); }
  double flops() const { return 2.0 * parameter; }
  // Relative to x + 1, which is at most twice x.
  int roundings() const { return 2 * parameter; }
  /// 2^15 roundings are at most 0.4 % of an f32.
  template <class T>
  std::int64_t operations_per_input() const {
    constexpr int kMostSteps = 1 << 15;
    return std::min(kMostSteps / parameter, 512);
  }

  template <class V>
  CROSSOVER_HOST_DEVICE V element(V x) const {
    const Lane<V> a = factor<Lane<V>>();
    const Lane<V> b = a - 1;
    // On an H100, 64 multiply-adds in a row reach 0.955 of the peak, 16 0.92, 4 0.82.
    CROSSOVER_UNROLL_ON_GPU(32)
    for (int step = 0; step < parameter; ++step) x = a * x + b;
    return x;
  }

  template <class R>
  auto reference(std::int64_t operations) const {
    const auto growth = static_cast<R>(
        std::pow(static_cast<long double>(a32), static_cast<long double>(operations * parameter)));
    return [growth](R x) { return growth * (x + 1) - 1; };
  }

  int parameter;  ///< k
  float a32;
  double a64;  ///< the same number

 private:
  template <class L>
  CROSSOVER_HOST_DEVICE L factor() const {
    if constexpr (sizeof(L) == 4) {
      return a32;
    } else {
      return a64;
    }
  }
};

constexpr std::array<Fma, 11> Fma::family() {
  return {Fma(1),  Fma(2),   Fma(4),   Fma(8),   Fma(16),  Fma(32),
          Fma(64), Fma(128), Fma(256), Fma(512), Fma(1024)};
}

}  // namespace crossover::arrays
