#include "gpu/device_operation.hpp"

#include <fmt/format.h>

#include <string>

namespace crossover::gpu {

DeviceOperation::DeviceOperation(const Configuration& configuration, const std::vector<Gpu*>& gpus,
                                 std::uint64_t elements, std::size_t element_bytes, bool spread)
    : GpuOperation(configuration, gpus) {
  int all = 0;
  for (const Gpu* gpu : gpus) all += gpu->device.properties().multiprocessors;
  const int count = static_cast<int>(gpus.size());
  if (configuration.workers < all && count > 1) {
    throw Unavailable("several GPUs at once use all of their multiprocessors");
  }
  if (configuration.workers < all && !spread) {
    throw Unavailable(configuration.variant +
                      " runs on all multiprocessors only; spread runs on some");
  }
  for (int i = 0; i < count; ++i) {
    Gpu& gpu = *gpus[static_cast<std::size_t>(i)];
    gpu.device.select();
    const int limit = count == 1 ? configuration.workers : gpu.device.properties().multiprocessors;
    shares_.push_back(std::make_unique<Share>(gpu, slice_of(elements, element_bytes, i, count),
                                              spread ? limit : 0));
  }
}

void DeviceOperation::make_work(const std::function<Work(Share&)>& make) {
  for (const auto& share : shares_) {
    share->gpu.device.select();
    share->work = make(*share);
  }
  each_share([](Share& share) { share.work.enqueue(share.stream, 0, 1); });
  wait();
  clocks_.clear();
  if (configuration_.scope != Scope::kernel) return;
  each_share([this](Share& share) { clocks_.emplace_back(share.stream, share.work); });
}

Nanoseconds DeviceOperation::clocked(std::int64_t operations) {
  each_share([](Share& share) { share.work.poison(); });
  if (configuration_.scope == Scope::kernel) {
    return time_together(clocks_, done_, operations,
                         [this](std::int64_t operation) { collect(operation); });
  }
  // Until the host knows that the result is there, for each operation.
  std::int64_t operation = done_;
  return time_all(operations, [&] {
    each_share([&](Share& share) { share.work.enqueue(share.stream, operation, 1); });
    wait();
    collect(operation++);
  });
}

Observation DeviceOperation::observe() {
  Observation seen = GpuOperation::observe();
  const auto disturbed = [&](const std::string& why) {
    if (!why.empty()) seen.disturbed += (seen.disturbed.empty() ? "" : "; ") + why;
  };
  for (const auto& share : shares_) disturbed(misplaced(share->work, share->gpu.device));
  for (KernelClock& clock : clocks_) {
    if (const int overruns = clock.take_overruns(); overruns > 0) {
      disturbed(
          fmt::format("{} batches were not queued in time: the device's clock may contain "
                      "the host's",
                      overruns));
    }
  }
  return seen;
}

}  // namespace crossover::gpu
