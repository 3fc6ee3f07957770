#include "common/parallel.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#include "common/topology.hpp"

namespace crossover {

namespace {

// Below this a thread costs more (some 35 us) than it saves.
constexpr std::uint64_t kElementsWorthAThread = 1 << 18;

}  // namespace

void parallel_over(std::uint64_t elements, std::span<const int> cpus,
                   const std::function<void(std::uint64_t, std::uint64_t)>& body) {
  const std::uint64_t parts = std::clamp<std::uint64_t>(elements / kElementsWorthAThread, 1,
                                                        std::max<std::size_t>(cpus.size(), 1));
  if (parts == 1) {
    if (elements > 0) body(0, elements);
    return;
  }
  const auto begin = [&](std::uint64_t part) {
    return elements / parts * part + std::min(part, elements % parts);
  };
  std::vector<std::thread> threads;
  threads.reserve(parts);
  for (std::uint64_t part = 0; part < parts; ++part) {
    const auto work = [&body, first = begin(part), last = begin(part + 1)] {
      body(first, last - first);
    };
    try {
      threads.emplace_back([work, cpu = cpus[part]] {
        try {
          bind_this_thread(cpu);
        } catch (const std::runtime_error&) {
          // An unbound helper is as right as a bound one, only slower.
        }
        work();
      });
    } catch (const std::system_error&) {
      work();
    }
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace crossover
