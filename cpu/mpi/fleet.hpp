#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "common/fleet.hpp"
#include "cpu/mpi/ranks.hpp"

namespace crossover::cpu::mpi {

/// The ranks as the nodes of a fleet run (Ranks::fleet()).
class RankFleet final : public Fleet {
 public:
  /// On all ranks at the same time.
  explicit RankFleet(Ranks& ranks);
  /// On node 0, tells the others to end at the latest.
  ~RankFleet() override;
  RankFleet(const RankFleet&) = delete;
  RankFleet& operator=(const RankFleet&) = delete;

  const std::vector<std::string>& nodes() const override { return nodes_; }
  std::size_t self() const override { return static_cast<std::size_t>(ranks_.rank()); }
  void send(std::size_t to, const Bytes& bytes) override;
  std::optional<Message> receive() override;
  void stop() override;
  bool stopped() override;

 private:
  Ranks& ranks_;
  std::vector<std::string> nodes_;
  std::mutex mutex_;  // MPI is told that one thread at a time calls it
  bool stopped_ = false;
};

}  // namespace crossover::cpu::mpi
