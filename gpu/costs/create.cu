#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "gpu/costs/costs.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"

namespace crossover::gpu {

namespace {

constexpr unsigned kWarp = 32;

/// How an operation's kernel gets to the device.
enum class By {
  stream,     ///< launched into a stream
  dependent,  ///< likewise, and begins before the kernel ahead has ended
  graph       ///< a graph of one operation, or of kGraphOperations
};

/// A worker that does nothing but leave word that it came, which nothing on the device waits for.
template <bool kDependent>
__global__ void create_launch(std::uint64_t* came) {
  if constexpr (kDependent) {
    wait_for_dependency();
    let_dependents_begin();
  }
  if (threadIdx.x == 0) add_atomically(came + blockIdx.x, std::uint64_t{1});
}

/// One operation launches a block for each worker; more elements than workers do so again, when the
/// launch before has ended. What that takes depends on the clock: `resident` is launching, and the
/// host's wait until it knows of the end; `kernel` has launches back to back, so what it shows is
/// the gap between two, the least that a kernel takes.
std::unique_ptr<Operation> make_create(const Configuration& configuration, Gpu& gpu, By by) {
  const auto workers = static_cast<std::uint64_t>(configuration.workers);
  const std::uint64_t rounds = configuration.elements / workers;
  if (configuration.elements % workers != 0) {
    throw Unavailable(std::to_string(workers) + " workers at a time do not make " +
                      std::to_string(configuration.elements) + " in all");
  }
  if (by == By::dependent) require_9_0(gpu.device);
  const bool waits = configuration.scope == Scope::resident && by != By::graph;
  const auto make = [=](const Stream& stream, int, std::uint64_t* came) {
    const auto kernel = by == By::dependent ? &create_launch<true> : &create_launch<false>;
    Work work = work_by(1, [=](const Stream& on, std::uint64_t) {
      for (std::uint64_t round = 0; round < rounds; ++round) {
        // Whoever clocks the operation waits for the last.
        if (waits && round > 0) on.synchronize();
        launch(on, kernel, Shape{workers, kWarp, 0, by == By::dependent}, came);
      }
    });
    work.launches = static_cast<int>(std::clamp<std::uint64_t>(rounds, 1, 512));
    return by == By::graph ? as_graph(stream, std::move(work)) : work;
  };
  /// Every block came as often as it was asked.
  const auto check = [=](const std::vector<std::uint64_t>& came, std::uint64_t first,
                         std::uint64_t operations) -> Verdict {
    const std::uint64_t expected = operations * rounds;
    const auto wrong = static_cast<std::uint64_t>(std::count_if(
        came.begin(), came.end(), [=](std::uint64_t at) { return at != first + expected; }));
    if (wrong == 0) return {0, true, {}};
    return {static_cast<double>(wrong) / static_cast<double>(workers), false,
            std::to_string(wrong) + " of " + std::to_string(workers) + " workers did not come " +
                std::to_string(expected) + " times"};
  };
  return std::make_unique<CounterOperation>(configuration, gpu, workers, make, check);
}

}  // namespace

std::vector<CostVariant> create_variants() {
  using enum Scope;
  std::vector<CostVariant> all;
  // A dependent launch and one that is waited for differ in nothing.
  for (const auto& [name, by, scopes] :
       {std::tuple{"launch", By::stream, std::vector{resident, kernel}},
        {"dependent", By::dependent, std::vector{kernel}},
        {"graph", By::graph, std::vector{resident, kernel}}}) {
    all.push_back({{name, Variant::Role::best, scopes},
                   [by = by](const Configuration& configuration, const std::vector<int>&,
                             Gpu& gpu) { return make_create(configuration, gpu, by); }});
  }
  return all;
}

}  // namespace crossover::gpu
