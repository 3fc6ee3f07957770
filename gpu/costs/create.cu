#include <algorithm>
#include <string>
#include <vector>

#include "gpu/costs/costs.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"

namespace crossover::gpu {

namespace {

constexpr unsigned kWarp = 32;

/// A worker that does nothing but leave word that it came, which nothing on the device waits for.
__global__ void create_launch(std::uint64_t* came) {
  if (threadIdx.x == 0) add_atomically(came + blockIdx.x, std::uint64_t{1});
}

/// One operation launches a block for each worker and waits for their end; more elements than
/// workers do so again.
std::unique_ptr<Operation> make_create(const Configuration& configuration, Gpu& gpu) {
  const auto workers = static_cast<std::uint64_t>(configuration.workers);
  const std::uint64_t rounds = configuration.elements / workers;
  if (configuration.elements % workers != 0) {
    throw Unavailable(std::to_string(workers) + " workers at a time do not make " +
                      std::to_string(configuration.elements) + " in all");
  }
  const auto make = [=](const Device&, int, std::uint64_t* came) {
    return work_by(1, [=](const Stream& stream, std::uint64_t) {
      for (std::uint64_t round = 0; round < rounds; ++round) {
        // Whoever clocks the operation waits for the last.
        if (round > 0) stream.synchronize();
        launch(stream, &create_launch, Shape{workers, kWarp, 0}, came);
      }
    });
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
  // How long the host waits is the question: resident alone.
  return {{{"launch", Variant::Role::best, {Scope::resident}}, make_create}};
}

}  // namespace crossover::gpu
