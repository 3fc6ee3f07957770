#pragma once

#include <mpi.h>

#include <vector>

#include "common/descriptor.hpp"

namespace crossover::cpu::mpi {

/// Connections between rank 0 and the ranks of whose end no system call of its machine tells: by
/// TCP (IPv4), each ends with the process at either end, or a minute after its machine was last
/// heard of. `far` says which ranks those are. All ranks of `all` call it. Returns, on rank 0, one
/// for each rank, and elsewhere the one to rank 0; empty ones for those that are near, and where
/// none comes about within 3 s (a firewall). Throws std::runtime_error where MPI fails.
std::vector<Descriptor> connect_far(MPI_Comm all, int rank, const std::vector<bool>& far);

}  // namespace crossover::cpu::mpi
