#include "cpu/fingerprint.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <new>
#include <span>
#include <stdexcept>
#include <thread>

#include "common/buffer.hpp"
#include "common/limits.hpp"
#include "common/topology.hpp"

namespace crossover::cpu {

namespace {

using Clock = std::chrono::steady_clock;

double ns_since(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

/// The median of `count` of what `measure()` gives: neighbours disturb some.
template <class Measure>
double median_of(int count, Measure&& measure) {
  std::vector<double> all;
  for (int i = 0; i < count; ++i) all.push_back(measure());
  const auto middle = all.begin() + count / 2;
  std::nth_element(all.begin(), middle, all.end());
  return *middle;
}

double clock_ghz() {
  constexpr int kAdditions = 1 << 18;  // some 0.1 ms
  return median_of(9, [] {
    std::uint64_t sum = 1;
    std::uint64_t more = 3;
    asm volatile("" : "+r"(more));
    const Clock::time_point start = Clock::now();
    for (int i = 0; i < kAdditions; i += 32) {
#pragma GCC unroll 32
      for (int j = 0; j < 32; ++j) {
        sum += more;
        asm volatile("" : "+r"(sum));
      }
    }
    return kAdditions / ns_since(start);
  });
}

/// A line that two threads hand over: whose turn it is, and how often it was handed over.
struct alignas(kLinePair) Token {
  std::atomic<std::uint32_t> turn{0};
};
constexpr std::uint32_t kOver = 0xffffffff;

/// Waits until `end` for turn `mine`; kOver ends everybody's waiting.
bool await(Token& token, std::uint32_t mine, Clock::time_point end) {
  for (int spins = 1;; ++spins) {
    const std::uint32_t turn = token.turn.load(std::memory_order_acquire);
    if (turn == mine) return true;
    // The clock is read now and then: a wait that is worth measuring is shorter.
    if (turn == kOver || (spins % 4096 == 0 && Clock::now() > end)) return false;
  }
}

/// Nanoseconds from the calling thread's CPU to `cpu`; none when the other did not answer in time.
std::optional<double> hand_over_ns(int cpu) {
  constexpr std::uint32_t kTrips = 1000;
  constexpr int kBatches = 5;
  // A hundred times as long as it takes: a CPU that somebody else has is not waited for.
  const Clock::time_point end = Clock::now() + std::chrono::milliseconds(50);
  Token token;
  std::jthread other([&] {
    try {
      bind_this_thread(cpu);
    } catch (const std::runtime_error&) {
      return;  // does not answer
    }
    for (std::uint32_t turn = 1; await(token, turn, end); turn += 2) {
      token.turn.store(turn + 1, std::memory_order_release);
    }
  });
  std::uint32_t turn = 0;
  bool answered = true;
  const auto trips = [&](std::uint32_t count) {
    for (std::uint32_t trip = 0; trip < count && answered; ++trip) {
      token.turn.store(turn + 1, std::memory_order_release);
      turn += 2;
      answered = await(token, turn, end);
    }
  };
  trips(10);  // until it is there
  const double ns = median_of(kBatches, [&] {
    const Clock::time_point start = Clock::now();
    trips(kTrips);
    return ns_since(start) / (2.0 * kTrips);
  });
  token.turn.store(kOver, std::memory_order_release);
  if (!answered) return std::nullopt;
  return ns;
}

/// Larger than the caches that a core has for itself. (A cache that a host shares among its guests
/// may hold it: what a virtual machine calls memory.)
constexpr std::size_t kMemoryBytes = std::size_t{128} << 20;
constexpr std::size_t kLines = kMemoryBytes / kLine;

/// A line of it: where the next one is that a chain of loads goes to.
struct Line {
  std::uint64_t next;
  std::array<std::uint64_t, kLine / 8 - 1> rest;
};

std::optional<Fingerprint::Memory> memory_now() {
  if (available_memory() < 2 * kMemoryBytes) return std::nullopt;
  const Buffer buffer(kMemoryBytes);
  const std::span lines(static_cast<Line*>(buffer.data()), kLines);
  // A full cycle over a power of two (Hull and Dobell, SIAM Review 4, 1962: the increment is odd,
  // the multiplier is 1 modulo 4), whose steps no prefetcher foresees.
  for (std::uint64_t i = 0; i < kLines; ++i) {
    lines[i].next = (i * 6364136223846793005ULL + 1442695040888963407ULL) % kLines;
  }
  Fingerprint::Memory memory;
  memory.bytes = kMemoryBytes;
  memory.read_gb_per_s = median_of(3, [&] {
    const Clock::time_point start = Clock::now();
    std::array<std::uint64_t, kLine / 8> sums{};
    for (const Line& line : lines) {
      sums[0] += line.next;
      for (std::size_t i = 0; i < line.rest.size(); ++i) sums[i + 1] += line.rest[i];
    }
    asm volatile("" : : "r"(&sums) : "memory");
    return static_cast<double>(kMemoryBytes) / ns_since(start);
  });
  constexpr int kLoads = 1 << 15;  // some 3 ms
  std::uint64_t at = 0;
  memory.latency_ns = median_of(5, [&] {
    const Clock::time_point start = Clock::now();
    for (int load = 0; load < kLoads; ++load) at = lines[at].next;
    asm volatile("" : : "r"(at));
    return ns_since(start) / kLoads;
  });
  return memory;
}

/// At most eight of `cpus` behind the first, the last among them.
std::vector<int> some_others(const std::vector<int>& cpus) {
  constexpr std::size_t kMost = 8;
  const std::size_t others = cpus.size() - 1;
  const std::size_t count = std::min(others, kMost);
  std::vector<int> some;
  for (std::size_t i = 1; i <= count; ++i) some.push_back(cpus[others * i / count]);
  return some;
}

}  // namespace

Fingerprint take_fingerprint(const std::vector<int>& cpus) {
  Fingerprint found;
  std::jthread([&] {
    try {
      bind_this_thread(cpus.front());
      found.clock_ghz = clock_ghz();
      found.memory = memory_now();
      for (const int cpu : some_others(cpus)) {
        const std::optional<double> ns = hand_over_ns(cpu);
        if (ns) found.hand_overs.push_back({cpu, *ns});
      }
    } catch (const std::exception&) {
      // No binding, no memory, no thread: what is known so far.
    }
  }).join();
  return found;
}

}  // namespace crossover::cpu
