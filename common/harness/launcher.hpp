#pragma once

#include <sys/types.h>

#include <chrono>

/// What a mpirun that was told to end leaves to the program that it has started.
///
/// Open MPI 4 sends SIGTERM, a second later SIGKILL, and prints what its ranks have written. Open
/// MPI 5 (PRRTE 3.0, whose command is prterun; `prte_odls_base_default_kill_local_procs` there)
/// sends SIGKILL 250 ms after SIGTERM, and drops all that was written since the first signal.
namespace crossover {

/// For so long an operation that takes long may hold up the end after a signal. With what the
/// summary takes it is less than what is left.
std::chrono::milliseconds patience();

/// To be called before the summary of a run that a signal from `sender` has ended: where that is a
/// mpirun which would drop it, standard output becomes that mpirun's own. Nothing changes where the
/// output goes to a file, nor where mpirun's cannot be opened.
void print_past_launcher(pid_t sender);

}  // namespace crossover
