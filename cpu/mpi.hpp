#pragma once

#include <functional>
#include <memory>

#include "common/model.hpp"

/// The `mpi` model, and what main needs to be one rank of several. Without MPI in the build all of
/// it is there and does nothing (cpu/mpi_absent.cpp).
namespace crossover::cpu {

namespace mpi {
/// The ranks that mpirun has started, this process being one of them.
class Ranks;
}  // namespace mpi

/// Calls `program` on rank 0, with the ranks, while the others do what the model on rank 0 orders
/// from them; when `program` has returned, or ends the process with exit(), the others end too.
/// Returns this process's exit status. In a process that no mpirun has started, it calls
/// `program(nullptr)` and nothing of MPI. Call it before any thread is started.
int with_ranks(const std::function<int(mpi::Ranks*)>& program);

/// `slices`: the data lies in the ranks, a slice in each; `reduce` ends with an allreduce.
/// `scatter-gather`: the data lies in rank 0, which hands each rank its slice and collects the
/// results, the textbook form, with its price. `ranks` (not owned) are null outside mpirun, and
/// unavailable() says so.
std::unique_ptr<Model> make_mpi(mpi::Ranks* ranks);

}  // namespace crossover::cpu
