#pragma once

#include <memory>

#include "common/model.hpp"

/// The CPU models. Each is one file; main lists them.
namespace crossover::cpu {

/// `loop`: one core, no parallelism; what every speed-up is relative to.
std::unique_ptr<Model> make_serial();

/// `pool`: persistent std::threads that spin while measured. `spawn`: threads created and joined
/// for every operation, the textbook form with its honest price.
std::unique_ptr<Model> make_threads();

/// `static`: a parallel loop with the static schedule.
std::unique_ptr<Model> make_openmp();

/// `par_unseq`: std::for_each and std::reduce as a user would write them. `slices`: std::for_each
/// over the workers' slices and the loop bodies of the other models. Both on oneTBB.
std::unique_ptr<Model> make_stdpar();

/// Forked workers. `shm`, `mapped-file`: a pool over shared memory or a mapped file, nothing is
/// copied. `spawn`: forked for every operation, over shared memory. `pipe`, `socket`, `queue`:
/// slices travel to the workers and results back.
std::unique_ptr<Model> make_processes();

}  // namespace crossover::cpu
