#include "cpu/costs/chase/chase.hpp"

#include <fmt/format.h>
#include <sys/mman.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <memory>
#include <span>

namespace crossover::cpu {

namespace {

Buffer memory_on(Pages pages, std::uint64_t places) {
  if (pages == Pages::huge && !huge_pages_allowed()) {
    throw Unavailable(
        "there are no huge pages: /sys/kernel/mm/transparent_hugepage/enabled says never, or is "
        "not "
        "there");
  }
  const std::size_t bytes = places * sizeof(Place);
  Buffer memory(bytes);
  if (pages == Pages::small && huge_pages_allowed() &&
      madvise(memory.data(), Buffer::mapped_bytes(bytes), MADV_NOHUGEPAGE) != 0) {
    refused("small pages", errno);
  }
  return memory;
}

}  // namespace

ChaseOperation::ChaseOperation(const Configuration& configuration, const Placement& placement,
                               Pages pages, Follow walk)
    : places_(std::max<std::uint64_t>(configuration.elements, 1)),
      walk_(walk),
      memory_(memory_on(pages, places_)),
      order_(places_, 0),
      binding_(placement) {}

void ChaseOperation::renew(std::uint32_t salt) {
  order_ = RingOrder(places_, salt);
  const std::span ring(static_cast<Place*>(memory_.data()), places_);
  // By the worker itself, whose NUMA node the pages then lie on.
  for (std::uint64_t i = 0; i < places_; ++i) ring[i].next = &ring[order_.behind(i)];
  at_ = &ring[order_.place(0)];
  walked_ = 0;
}

Nanoseconds ChaseOperation::time(std::int64_t operations) {
  const auto times = static_cast<std::uint64_t>(operations);
  // One more: who made none would be where whole rounds end.
  const std::uint64_t loads = times * std::min(places_, kMostLoads) + 1;
  const auto start = std::chrono::steady_clock::now();
  at_ = walk_(at_, loads);
  const Nanoseconds took = std::chrono::steady_clock::now() - start;
  walked_ += loads;
  return took * (static_cast<double>(times * places_) / static_cast<double>(loads));
}

Verdict ChaseOperation::verify() {
  const auto offset =
      reinterpret_cast<std::uintptr_t>(at_) - reinterpret_cast<std::uintptr_t>(memory_.data());
  if (offset % sizeof(Place) != 0 || offset / sizeof(Place) >= places_) {
    return {1, false, fmt::format("{} loads ended outside the ring", walked_)};
  }
  const std::uint64_t step = order_.step(offset / sizeof(Place));
  const std::uint64_t should = walked_ % places_;
  if (step == should) return {0, true, {}};
  const std::uint64_t apart = std::max(step, should) - std::min(step, should);
  return {
      static_cast<double>(apart) / static_cast<double>(places_), false,
      fmt::format("{} loads ended at step {} of the ring instead of {}", walked_, step, should)};
}

std::vector<Offer> chase_offers() {
  const auto offer = [](const char* variant, Pages pages) {
    return Offer{&costs::chase(),
                 {variant},
                 [=](const Configuration& configuration, const Placement& placement) {
                   return std::make_unique<ChaseOperation>(configuration, placement, pages);
                 },
                 [](const Configuration& configuration) -> std::uint64_t {
                   return Buffer::mapped_bytes(configuration.elements * sizeof(Place));
                 }};
  };
  return {offer("huge-pages", Pages::huge), offer("small-pages", Pages::small)};
}

}  // namespace crossover::cpu
