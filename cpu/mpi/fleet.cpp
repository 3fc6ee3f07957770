#include "cpu/mpi/fleet.hpp"

#include <stdexcept>

#include "common/machine.hpp"

namespace crossover::cpu::mpi {

namespace {

// Beside those of the orders.
constexpr int kMessageTag = 11;
constexpr int kStopTag = 12;

}  // namespace

RankFleet::RankFleet(Ranks& ranks) : ranks_(ranks) {
  const ShortText mine(host_name());
  std::vector<ShortText> all(static_cast<std::size_t>(ranks.size()));
  check(
      MPI_Allgather(&mine, sizeof mine, MPI_BYTE, all.data(), sizeof mine, MPI_BYTE, ranks.all()));
  std::vector<std::string> hosts;
  for (const ShortText& host : all) hosts.push_back(host.string());
  nodes_ = node_names(std::move(hosts));
}

RankFleet::~RankFleet() { stop(); }

void RankFleet::send(std::size_t to, const Bytes& bytes) {
  const std::lock_guard lock(mutex_);
  check(MPI_Send(bytes.data(), static_cast<int>(bytes.size()), MPI_BYTE, static_cast<int>(to),
                 kMessageTag, ranks_.all()));
}

std::optional<Fleet::Message> RankFleet::receive() {
  const std::lock_guard lock(mutex_);
  int there = 0;
  MPI_Status status;
  check(MPI_Iprobe(MPI_ANY_SOURCE, kMessageTag, ranks_.all(), &there, &status));
  if (there == 0) return std::nullopt;
  int size = 0;
  check(MPI_Get_count(&status, MPI_BYTE, &size));
  Message message{static_cast<std::size_t>(status.MPI_SOURCE),
                  Bytes(static_cast<std::size_t>(size))};
  check(MPI_Recv(message.bytes.data(), size, MPI_BYTE, status.MPI_SOURCE, kMessageTag, ranks_.all(),
                 MPI_STATUS_IGNORE));
  return message;
}

void RankFleet::stop() {
  const std::lock_guard lock(mutex_);
  if (stopped_ || ranks_.rank() != 0) return;
  stopped_ = true;
  for (int other = 1; other < ranks_.size(); ++other) {
    // One that has gone need not be told, and the others must be.
    MPI_Send(nullptr, 0, MPI_BYTE, other, kStopTag, ranks_.all());
  }
}

bool RankFleet::stopped() {
  const std::lock_guard lock(mutex_);
  if (stopped_) return true;
  int there = 0;
  check(MPI_Iprobe(0, kStopTag, ranks_.all(), &there, MPI_STATUS_IGNORE));
  if (there != 0) {
    check(MPI_Recv(nullptr, 0, MPI_BYTE, 0, kStopTag, ranks_.all(), MPI_STATUS_IGNORE));
    stopped_ = true;
  }
  return stopped_;
}

}  // namespace crossover::cpu::mpi
