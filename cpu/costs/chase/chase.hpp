#pragma once

#include <cstdint>
#include <vector>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "cpu/costs/chase/ring.hpp"
#include "cpu/operations.hpp"

/// The workload `chase`: loads that each wait for the one before, at random over so many places of
/// 128 bytes, by one worker. Where they fit a cache, its latency; beyond the last, the memory's.
/// `huge-pages` lies on huge pages, `small-pages` on small ones, where a load may have to wait for
/// the page tables as well.
namespace crossover::cpu {

enum class Pages { huge, small };

class ChaseOperation final : public Operation {
 public:
  using Follow = const Place* (*)(const Place* at, std::uint64_t loads);

  /// Throws Unavailable where there are no such pages.
  ChaseOperation(const Configuration& configuration, const Placement& placement, Pages pages,
                 Follow walk = follow);

  void renew(std::uint32_t salt) override;
  /// An operation is as many loads as there are places. Of a ring that takes longer than a sample
  /// should, the time of all of them is that of the first kMostLoads, scaled.
  Nanoseconds time(std::int64_t operations) override;
  /// Where the loads led must be as far along the ring as there were loads.
  Verdict verify() override;

 private:
  /// Some 25 ms where a load takes 100 ns.
  static constexpr std::uint64_t kMostLoads = 1 << 18;

  std::uint64_t places_;
  Follow walk_;
  Buffer memory_;
  RingOrder order_;
  CallerBinding binding_;
  const Place* at_ = nullptr;
  std::uint64_t walked_ = 0;
};

std::vector<Offer> chase_offers();

}  // namespace crossover::cpu
