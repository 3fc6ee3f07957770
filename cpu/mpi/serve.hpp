#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cpu/mpi/part.hpp"

namespace crossover::cpu::mpi {

/// make_part(), or what a test puts in its place.
using MakePart = std::function<std::unique_ptr<Part>(const Task& task, MPI_Comm ranks, int rank,
                                                     const std::vector<int>& allowed)>;

/// What a rank other than 0 does until it is told to quit: what rank 0 orders. Throws
/// std::runtime_error when MPI fails.
void serve(Ranks& ranks, const MakePart& make = make_part<>);

}  // namespace crossover::cpu::mpi
