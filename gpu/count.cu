#include <limits>
#include <optional>
#include <stdexcept>
#include <string>

#include "common/model.hpp"
#include "gpu/count_kernels.cuh"
#include "gpu/placement.hpp"

namespace crossover::gpu {

namespace {

constexpr unsigned kThreads = 256;

using Kernel = void (*)(std::uint64_t*, std::uint64_t, unsigned*);

Kernel kernel_of(std::string_view variant) {
  if (variant == "unsynchronised") return &count_unsynchronised;
  if (variant == "atomic") return &count_atomic;
  if (variant == "shared-atomic") return &count_shared_atomic;
  if (variant == "warp-aggregated") return &count_warp_aggregated;
  throw std::invalid_argument("count has no variant '" + std::string(variant) + "'");
}

/// An increment a thread, or several where there are more than threads that the device holds.
class CountWork final : public Work {
 public:
  CountWork(const Device& device, Kernel kernel, std::uint64_t* counter, std::uint64_t elements,
            Multiprocessors limit)
      : kernel_(kernel), counter_(counter), elements_(elements) {
    if (limit.count > 0) {
      placement_.emplace(device, limit.count);
      shape_ = {static_cast<std::uint64_t>(limit.count), OneBlockEach::kThreads,
                OneBlockEach::shared_bytes(device, 0)};
      allow_shared(device, kernel_, shape_.shared_bytes);
    } else {
      shape_ = {1, kThreads, 0};
      const auto resident =
          static_cast<std::uint64_t>(blocks_per_multiprocessor(device, kernel_, shape_)) *
          static_cast<std::uint64_t>(device.properties().multiprocessors);
      shape_.blocks = std::clamp<std::uint64_t>(ceil_div(elements, kThreads), 1, resident);
    }
    // Each thread of a block makes that many increments or one less.
    const std::uint64_t each = ceil_div(elements, shape_.blocks * shape_.threads);
    if (kernel_ == &count_shared_atomic &&
        each > std::numeric_limits<std::uint32_t>::max() / shape_.threads) {
      throw Unavailable(std::to_string(elements) + " increments in " +
                        std::to_string(shape_.blocks) +
                        " blocks are more than a block's counter of 32 bits holds");
    }
  }

  void enqueue(const Stream& stream, std::int64_t operations) override {
    unsigned* const seen = placement_ ? placement_->seen() : nullptr;
    for (std::int64_t i = 0; i < operations; ++i) {
      launch(stream, kernel_, shape_, counter_, elements_, seen);
    }
  }
  std::string misplaced() const override {
    return placement_ ? placement_->misplaced() : std::string{};
  }

 private:
  Kernel kernel_;
  std::uint64_t* counter_;
  std::uint64_t elements_;
  Shape shape_;
  std::optional<OneBlockEach> placement_;
};

}  // namespace

std::unique_ptr<Work> make_count(const Device& device, std::string_view variant,
                                 std::uint64_t* counter, std::uint64_t elements,
                                 Multiprocessors limit) {
  return std::make_unique<CountWork>(device, kernel_of(variant), counter, elements, limit);
}

}  // namespace crossover::gpu
