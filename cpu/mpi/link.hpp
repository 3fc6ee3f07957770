#pragma once

#include <cstdint>
#include <vector>

#include "common/buffer.hpp"
#include "cpu/mpi/part.hpp"

namespace crossover::cpu::mpi {

/// Of the workload `link`: messages of so many bytes as there are elements, between rank 0 and the
/// task's peer. `ping-pong`: there and back in turns, an operation being one of the two; of an odd
/// number of them, half of the last round trip counts. `both-ways`: there and back at once.
///
/// What is sent has come with the message before: who receives the same unchanged bytes again and
/// again has most of them in a cache of its own, and measures that.
class LinkPart final : public Part {
 public:
  /// A message's bytes, which MPI counts in an int.
  static constexpr std::uint64_t kMost = 0x7fffffff;

  /// Throws std::bad_alloc.
  LinkPart(Ranks& ranks, const Task& task);

  void renew(std::uint32_t salt) override;
  Nanoseconds time(std::int64_t operations) override;
  Report report() const override;
  Verdict judge(const std::vector<Report>& reports) const override;

 private:
  void ping_pong();
  void both_ways();
  int count() const { return static_cast<int>(bytes_); }

  MPI_Comm all_;
  bool is_root_;
  int other_;
  bool both_ways_;
  std::uint64_t bytes_;
  Buffer out_;  ///< to be sent next
  Buffer in_;   ///< to be received into
  std::uint32_t salt_ = 0;
  std::int64_t done_ = 0;  ///< messages on this input
};

}  // namespace crossover::cpu::mpi
