#include "cpu/mpi/ranks.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include "common/blocked_signals.hpp"
#include "common/topology.hpp"
#include "cpu/mpi/far.hpp"
#include "cpu/operations.hpp"
#include "cpu/pause.hpp"

namespace crossover::cpu::mpi {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::microseconds;

// As long as the workers of a pool of threads spin, for the same reasons.
constexpr microseconds kSpin{1000};
constexpr microseconds kShortestSleep{50};
constexpr microseconds kLongestSleep{10000};

constexpr int kOrderTag = 1;
constexpr int kReplyTag = 2;
constexpr int kSystem = 3;            // the exit status of a rank that others have left
constexpr unsigned kLongestEnd = 10;  // seconds for all ranks to end MPI, and one for every hundred

volatile std::sig_atomic_t late_status = kSystem;  // Ranks::end_with()

bool is_set(const char* variable) { return std::getenv(variable) != nullptr; }
bool counts_many(const char* variable) {
  const char* const text = std::getenv(variable);
  return text != nullptr && std::atoi(text) > 1;
}

/// The files in /dev/shm that this process has mapped.
std::set<std::string> mapped_shared_memory() {
  std::set<std::string> files;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const auto path = line.find(" /dev/shm/");
    if (path != std::string::npos) files.insert(line.substr(path + 1));
  }
  return files;
}

/// Of what gives process identifiers their meaning: the same number in the same namespace only.
int process_namespace() {
  struct stat names {};
  return stat("/proc/self/ns/pid", &names) == 0 ? static_cast<int>(names.st_ino) : 0;
}

}  // namespace

void check(int code) {
  if (code == MPI_SUCCESS) return;
  std::array<char, MPI_MAX_ERROR_STRING> text{};
  int length = 0;
  MPI_Error_string(code, text.data(), &length);
  throw std::runtime_error(
      fmt::format("MPI: {}", std::string_view(text.data(), static_cast<std::size_t>(length))));
}

bool Ranks::launched() {
  // Open MPI's mpirun; MPICH's; srun, which sets these for a single task too.
  return is_set("OMPI_COMM_WORLD_SIZE") || counts_many("PMI_SIZE") ||
         (is_set("PMIX_RANK") && counts_many("SLURM_NTASKS"));
}

std::string Ranks::why_not_launched() {
  // Of srun's tasks each is a run of its own, as a fleet's are to be.
  if (counts_many("SLURM_STEP_NUM_TASKS")) {
    return "started by srun without its support for MPI, so each of its tasks is a run of its own; "
           "for ranks: srun --mpi=pmix ... (srun --mpi=list has what there is), or mpirun";
  }
  return "not started by mpirun; its workers are ranks: mpirun -n 4 build/crossover ...";
}

Ranks::Ranks() : parent_(getppid()) {
  {
    const BlockedSignals in_its_threads(all_signals());
    int provided = 0;
    check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided));
  }
  // What this process starts is no rank, should it be linked with MPI.
  for (const char* variable : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_RANK"}) {
    unsetenv(variable);
  }
  MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
  check(MPI_Comm_dup(MPI_COMM_WORLD, &all_));
  check(MPI_Comm_set_errhandler(all_, MPI_ERRORS_RETURN));
  check(MPI_Comm_rank(all_, &rank_));
  check(MPI_Comm_size(all_, &size_));
  check(MPI_Comm_split_type(all_, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine_));
  if (rank_ != 0) {
    sigset_t rank_0s;
    sigemptyset(&rank_0s);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&rank_0s, signal);
    pthread_sigmask(SIG_BLOCK, &rank_0s, nullptr);
  }
  meet_peers();
  watch_.emplace(watched_, rank_ == 0);
  share_cpus();
  unname_shared_memory();
}

Ranks::~Ranks() {
  try {
    for (int other = 1; rank_ == 0 && other < size_; ++other) {
      order(other, {.kind = Order::Kind::quit});
    }
  } catch (const std::runtime_error&) {
    // They end with this one.
  }
  watch_.reset();
  // From here on nobody watches, and MPI waits for who has died as for who is late.
  std::signal(SIGALRM, [](int) { _exit(late_status); });
  alarm(kLongestEnd + static_cast<unsigned>(size_) / 100);
  try {
    check(MPI_Barrier(all_));
    name_shared_memory();
  } catch (const std::runtime_error&) {
    // They end with mpirun.
  }
  MPI_Finalize();
  alarm(0);
}

void Ranks::share_cpus() {
  const std::vector<int> mine = detect_topology().allowed_cpus();
  int most = mine.back();
  check(MPI_Allreduce(MPI_IN_PLACE, &most, 1, MPI_INT, MPI_MAX, machine_));
  std::vector<unsigned char> any(static_cast<std::size_t>(most) + 1);
  for (const int cpu : mine) any[static_cast<std::size_t>(cpu)] = 1;
  check(MPI_Allreduce(MPI_IN_PLACE, any.data(), most + 1, MPI_UNSIGNED_CHAR, MPI_MAX, machine_));
  for (int cpu = 0; cpu <= most; ++cpu) {
    if (any[static_cast<std::size_t>(cpu)] != 0) allowed_.push_back(cpu);
  }
  bind_this_thread(allowed_);
  int here = 1;
  check(MPI_Comm_size(machine_, &here));
  crowded_ = here > detect_topology().usable_threads();
}

void Ranks::meet_peers() {
  Peer mine{getpid(), rank_, process_namespace()};
  check(MPI_Allreduce(MPI_IN_PLACE, &mine.machine, 1, MPI_INT, MPI_MIN, machine_));
  peers_.resize(static_cast<std::size_t>(size_));
  check(MPI_Allgather(&mine, 3, MPI_INT, peers_.data(), 3, MPI_INT, all_));
  std::vector<bool> far;
  for (const Peer& peer : peers_) far.push_back(!peer.known_to(peers_.front()));
  watched_ = connect_far(all_, rank_, far);
  watched_.resize(static_cast<std::size_t>(size_));
  for (int other = 0; other < size_; ++other) {
    const auto at = static_cast<std::size_t>(other);
    if (other == rank_ || (rank_ != 0 && other != 0) || !peers_[at].known_to(mine)) continue;
    watched_[at] = Descriptor(static_cast<int>(syscall(SYS_pidfd_open, peers_[at].process, 0)));
  }
}

Ranks::Watch::Watch(const std::vector<Descriptor>& watched, bool first)
    : stop_(eventfd(0, EFD_CLOEXEC)) {
  if (stop_.get() < 0) refused("an event descriptor", errno);
  std::vector<pollfd> ends{{stop_.get(), POLLIN, 0}};
  // poll() takes as many as there can be.
  for (const Descriptor& one : watched) {
    if (one.get() >= 0) ends.push_back({one.get(), POLLIN, 0});
  }
  const auto wait = [ends = std::move(ends), first]() mutable {
    while (poll(ends.data(), ends.size(), -1) < 0) {
    }
    if (ends.front().revents != 0) return;
    if (!first) _exit(0);     // how the run ended is rank 0's to say
    kill(getpid(), SIGTERM);  // which ends the run, also within a sample; lost() says why
  };
  const BlockedSignals in_it(all_signals());
  thread_ = std::thread(wait);
}

Ranks::Watch::~Watch() {
  eventfd_write(stop_.get(), 1);
  thread_.join();
}

/// MPI names the memory by which it carries messages within a machine, and where mpirun itself is
/// killed nobody removes it. Once all ranks have mapped it, it needs no name.
void Ranks::unname_shared_memory() {
  int here = 1;
  check(MPI_Comm_size(machine_, &here));
  std::set<std::string> mapped = mapped_shared_memory();
  int least = static_cast<int>(mapped.size());
  check(MPI_Allreduce(MPI_IN_PLACE, &least, 1, MPI_INT, MPI_MIN, machine_));
  if (least < here) return;  // a way of its own, or not all of them yet
  unnamed_ = std::move(mapped);
  for (const std::string& file : unnamed_) unlink(file.c_str());
}

/// Open MPI complains when it ends and the files that it removes are gone: there are some again.
void Ranks::name_shared_memory() {
  check(MPI_Barrier(machine_));
  int among = 0;
  check(MPI_Comm_rank(machine_, &among));
  for (const std::string& file : unnamed_) {
    if (among == 0) close(open(file.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  }
  check(MPI_Barrier(machine_));
}

int Ranks::machines() const {
  std::set<int> machines;
  for (const Peer& peer : peers_) machines.insert(peer.machine);
  return static_cast<int>(machines.size());
}

bool Ranks::on_this_machine(int rank) const {
  return peers_[static_cast<std::size_t>(rank)].machine ==
         peers_[static_cast<std::size_t>(rank_)].machine;
}

std::vector<int> Ranks::here(int workers) const {
  std::vector<int> ranks;
  for (int other = 0; other < workers; ++other) {
    if (on_this_machine(other)) ranks.push_back(other);
  }
  return ranks;
}

std::vector<int> Ranks::processes(const std::vector<int>& ranks) const {
  std::vector<int> ids;
  for (const int other : ranks) {
    const Peer& peer = peers_[static_cast<std::size_t>(other)];
    if (peer.known_to(peers_[static_cast<std::size_t>(rank_)])) ids.push_back(peer.process);
  }
  return ids;
}

int Ranks::nearest() const {
  for (int other = 0; other < size_; ++other) {
    if (other != rank_ && on_this_machine(other)) return other;
  }
  return -1;
}

int Ranks::first_far() const {
  for (int other = 0; other < size_; ++other) {
    if (!on_this_machine(other)) return other;
  }
  return -1;
}

MPI_Comm Ranks::first(int workers) {
  if (const auto found = first_.find(workers); found != first_.end()) return found->second;
  MPI_Group everyone{};
  MPI_Group some{};
  check(MPI_Comm_group(all_, &everyone));
  std::vector<int> ranks(static_cast<std::size_t>(workers));
  std::iota(ranks.begin(), ranks.end(), 0);
  check(MPI_Group_incl(everyone, workers, ranks.data(), &some));
  MPI_Comm communicator = MPI_COMM_NULL;
  check(MPI_Comm_create_group(all_, some, workers, &communicator));
  MPI_Group_free(&some);
  MPI_Group_free(&everyone);
  check(MPI_Comm_set_errhandler(communicator, MPI_ERRORS_RETURN));
  return first_.emplace(workers, communicator).first->second;
}

void Ranks::order(int rank, const Order& order) {
  check(MPI_Send(&order, sizeof order, MPI_BYTE, rank, kOrderTag, all_));
}

Reply Ranks::reply_of(int rank) {
  Reply reply;
  check(MPI_Recv(&reply, sizeof reply, MPI_BYTE, rank, kReplyTag, all_, MPI_STATUS_IGNORE));
  return reply;
}

void Ranks::end_with(int status) { late_status = status; }

std::string Ranks::lost() const {
  for (std::size_t other = 0; other < watched_.size(); ++other) {
    pollfd ended{watched_[other].get(), POLLIN, 0};  // poll() passes over what is negative
    if (poll(&ended, 1, 0) == 1) {
      return fmt::format("rank {} of {} has ended (mpirun says how)", other, size_);
    }
  }
  return {};
}

Order Ranks::await_order() {
  const Clock::time_point start = Clock::now();
  for (;;) {
    int there = 0;
    check(MPI_Iprobe(0, kOrderTag, all_, &there, MPI_STATUS_IGNORE));
    if (there != 0) break;
    const auto waited = std::chrono::duration_cast<microseconds>(Clock::now() - start);
    if (waited < kSpin) {
      crowded_ ? std::this_thread::yield() : pause();
      continue;
    }
    if (getppid() != parent_) _exit(kSystem);
    std::this_thread::sleep_for(std::clamp(waited / 4, kShortestSleep, kLongestSleep));
  }
  Order order;
  check(MPI_Recv(&order, sizeof order, MPI_BYTE, 0, kOrderTag, all_, MPI_STATUS_IGNORE));
  return order;
}

void Ranks::reply(const Reply& reply) {
  check(MPI_Send(&reply, sizeof reply, MPI_BYTE, 0, kReplyTag, all_));
}

}  // namespace crossover::cpu::mpi
