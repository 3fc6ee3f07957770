#include <memory>
#include <new>
#include <vector>

#include "common/harness/exit_status.hpp"
#include "common/harness/program.hpp"
#include "common/streams.hpp"
#include "cpu/fingerprint.hpp"
#include "cpu/models.hpp"
#include "cpu/mpi.hpp"
#include "cpu/peak.hpp"
#include "gpu/models.hpp"

namespace {

/// Every model there is; the first is the one that the others are compared with.
std::vector<std::unique_ptr<crossover::Model>> all_models(crossover::cpu::mpi::Ranks* ranks) {
  std::vector<std::unique_ptr<crossover::Model>> models = crossover::cpu::make_models();
  models.push_back(crossover::cpu::make_mpi(ranks));
  models.push_back(crossover::gpu::make_cuda());
  return models;
}

}  // namespace

int main(int argc, char** argv) {
  crossover::occupy_standard_descriptors();
  return crossover::cpu::with_ranks([&](crossover::cpu::mpi::Ranks* ranks) -> int {
    try {
      return crossover::run_program(
          {argv + 1, argv + argc}, all_models(ranks),
          {crossover::cpu::peak_gflops, crossover::cpu::take_fingerprint});
    } catch (const std::bad_alloc&) {
      crossover::tell("crossover: the system has too little memory to begin\n");
      return crossover::kSystem;
    }
  });
}
