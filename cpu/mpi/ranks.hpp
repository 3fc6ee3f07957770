#pragma once

#include <mpi.h>
#include <sys/types.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/descriptor.hpp"
#include "cpu/mpi/orders.hpp"

namespace crossover::cpu::mpi {

/// Throws std::runtime_error with MPI's own text, unless `code` is MPI_SUCCESS.
void check(int code);

/// MPI, from its start to its end in this process, and the messages outside the clock.
///
/// A rank that waits for an order must not burn the CPU on which another model is being measured,
/// and MPI's own blocking calls do. It asks again and again for about a millisecond, longer than
/// any pause within a sample, and then sleeps between two looks, up to 10 ms.
class Ranks {
 public:
  /// Whether mpirun (or srun, with more than one task) has started this process.
  static bool launched();
  /// Of a process that is no rank: why not, and what starts ranks.
  static std::string why_not_launched();

  /// Starts MPI. Each rank may from now on use the CPUs of all ranks on its machine: mpirun binds
  /// each to CPUs of its own, and which worker runs where is the harness's to say. Ranks but 0
  /// leave SIGINT, SIGTERM and SIGHUP to rank 0. Throws std::runtime_error.
  Ranks();
  /// Rank 0 tells the others to quit; all end MPI together, or with status 3 where that takes
  /// longer than 10 s. Before that, where a rank has ended, rank 0 gets SIGTERM, and where rank 0
  /// has, with whatever status, the others end with 0: also within a call of MPI's, which would
  /// wait for ever, and under a launcher that leaves them alone.
  ~Ranks();
  Ranks(const Ranks&) = delete;
  Ranks& operator=(const Ranks&) = delete;

  int rank() const { return rank_; }
  int size() const { return size_; }
  /// How many machines they are on.
  int machines() const;
  /// The communicator of all ranks.
  MPI_Comm all() const { return all_; }
  /// The CPUs that ranks on this machine may use, ascending.
  const std::vector<int>& allowed() const { return allowed_; }
  bool on_this_machine(int rank) const;
  /// Those of the first `workers` ranks that are on this rank's machine, ascending.
  std::vector<int> here(int workers) const;
  /// The process ids of those of `ranks` that are on this machine and known here.
  std::vector<int> processes(const std::vector<int>& ranks) const;
  /// The first other rank on this machine, or on another one; -1 where there is none.
  int nearest() const;
  int first_far() const;

  /// A communicator of the first `workers` ranks, which all of them ask for at the same time; made
  /// once and kept.
  MPI_Comm first(int workers);

  // On rank 0:
  void order(int rank, const Order& order);
  Reply reply_of(int rank);
  /// The status that this rank ends with where the others do not end MPI in time; 3 by itself.
  static void end_with(int status);
  /// Which rank has ended while it should not, or empty.
  std::string lost() const;

  // On the others:
  Order await_order();
  void reply(const Reply& reply);

 private:
  struct Peer {  // sent as three ints
    int process = 0;
    int machine = 0;  ///< the lowest rank on it
    int names = 0;    ///< of the namespace of its identifier: containers have their own

    /// Whether the identifier means this process there.
    bool known_to(const Peer& other) const {
      return machine == other.machine && names == other.names;
    }
  };

  /// A thread that waits for the end of who is watched, until it is told to stop.
  class Watch {
   public:
    Watch(const std::vector<Descriptor>& watched, bool first);
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch();

   private:
    Descriptor stop_;
    std::thread thread_;
  };

  void share_cpus();
  void meet_peers();
  void unname_shared_memory();
  void name_shared_memory();

  int rank_ = 0;
  int size_ = 1;
  pid_t parent_ = 0;
  bool crowded_ = false;  ///< more ranks on this machine than CPUs: who waits gives way
  MPI_Comm all_ = MPI_COMM_NULL;
  MPI_Comm machine_ = MPI_COMM_NULL;
  std::vector<int> allowed_;
  std::vector<Peer> peers_;  ///< by rank
  /// By rank, a process or a connection to it: on rank 0 of all others, elsewhere of rank 0.
  std::vector<Descriptor> watched_;
  std::optional<Watch> watch_;
  std::map<int, MPI_Comm> first_;
  std::set<std::string> unnamed_;  ///< the files of MPI's shared memory on this machine
};

}  // namespace crossover::cpu::mpi
