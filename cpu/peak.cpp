#include "cpu/peak.hpp"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "common/topology.hpp"
#include "cpu/vector_loops.hpp"

namespace crossover::cpu {

namespace {

// Independent chains: at least latency times units, which is 4 x 2 to 5 x 2 on x86-64 and 4 x 4 on
// the widest Arm cores, and no more than the registers hold beside the two constants: AVX has 16 of
// them, AVX-512 and NEON 32.
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kChains = 24;
#else
constexpr int kChains = 12;
#endif

constexpr int kWindows = 5;
constexpr std::chrono::milliseconds kWindow{10};

using Clock = std::chrono::steady_clock;

constexpr int kRepeats = 2000;  // some 10 us: reading the clock in between costs nothing

template <class T>
struct Chains {
  detail::Vector<T, detail::kWidest> at[kChains];
};

/// Floating-point operations of one step().
template <class T>
constexpr double kOperations = 2.0 * kRepeats * sizeof(Chains<T>) / sizeof(T);

/// Each x = a x + b with a = -1: from x to b - x and back, so that all bits keep changing.
template <class T>
void step(Chains<T>& chains) {
  // The compiler must not know them, nor what becomes of the chains.
  T a = -1;
  T b = static_cast<T>(0.7);
  asm volatile("" : "+m"(a), "+m"(b));
  Chains<T> x = chains;
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
#pragma GCC unroll 24
    for (auto& one : x.at) one = a * one + b;
  }
  chains = x;
  asm volatile("" : : "r"(&chains) : "memory");
}

/// GFLOP/s of this thread in a window.
template <class T>
double window_rate(Chains<T>& chains) {
  const Clock::time_point start = Clock::now();
  std::int64_t steps = 0;
  Clock::duration passed{};
  do {
    step(chains);
    ++steps;
    passed = Clock::now() - start;
  } while (passed < kWindow);
  return static_cast<double>(steps) * kOperations<T> /
         std::chrono::duration<double, std::nano>(passed).count();
}

template <class T>
double peak(const std::vector<int>& cpus) {
  std::vector<std::vector<double>> rates(kWindows, std::vector<double>(cpus.size()));
  std::barrier together(static_cast<std::ptrdiff_t>(cpus.size()));
  {
    std::vector<std::jthread> threads;
    threads.reserve(cpus.size());
    try {
      for (std::size_t worker = 0; worker < cpus.size(); ++worker) {
        threads.emplace_back([&, worker] {
          bind_this_thread(cpus[worker]);
          Chains<T> chains{};
          for (int chain = 0; chain < kChains; ++chain) {
            chains.at[chain] += static_cast<T>(1.1 + chain);
          }
          for (std::vector<double>& window : rates) {
            together.arrive_and_wait();
            window[worker] = window_rate(chains);
          }
        });
      }
    } catch (const std::system_error&) {
      // The system has no more threads: nobody must wait for those that are not there.
      for (std::size_t missing = threads.size(); missing < cpus.size(); ++missing) {
        together.arrive_and_drop();
      }
      throw;
    }
  }
  double best = 0;
  for (const std::vector<double>& window : rates) {
    best = std::max(best, std::accumulate(window.begin(), window.end(), 0.0));
  }
  return best;
}

}  // namespace

double peak_gflops(ElementType type, const std::vector<int>& cpus) {
  if (type == ElementType::f32) return peak<float>(cpus);
  if (type == ElementType::f64) return peak<double>(cpus);
  throw std::invalid_argument("integers have no floating-point peak");
}

}  // namespace crossover::cpu
