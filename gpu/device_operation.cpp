#include "gpu/device_operation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>

namespace crossover::gpu {

DeviceOperation::DeviceOperation(const Configuration& configuration, const std::vector<Gpu*>& gpus,
                                 std::uint64_t elements, std::size_t element_bytes)
    : configuration_(configuration), observer_(gpus) {
  int all = 0;
  for (const Gpu* gpu : gpus) all += gpu->device.properties().multiprocessors;
  limit_.count = configuration.workers < all ? configuration.workers : 0;
  const int count = static_cast<int>(gpus.size());
  if (limit_.count > 0 && count > 1) {
    throw Unavailable("several GPUs at once use all of their multiprocessors");
  }
  for (int i = 0; i < count; ++i) {
    gpus[static_cast<std::size_t>(i)]->device.select();
    shares_.push_back(std::make_unique<Share>(*gpus[static_cast<std::size_t>(i)],
                                              slice_of(elements, element_bytes, i, count)));
  }
}

void DeviceOperation::allocate(Share& share, std::uint64_t bytes) {
  require_room(share.gpu, bytes);
  share.memory = DeviceArray<std::byte>(share.gpu.device, bytes);
}

void DeviceOperation::make_work(const std::function<std::unique_ptr<Work>(Share&)>& make) {
  for (const auto& share : shares_) {
    share->gpu.device.select();
    share->work = make(*share);
  }
  each_share([](Share& share) { share.work->enqueue(share.stream, 0, 1); });
  wait();
  if (configuration_.scope != Scope::kernel) return;
  each_share([](Share& share) { share.clock = std::make_unique<KernelClock>(share.stream); });
}

Nanoseconds DeviceOperation::time(std::int64_t operations) {
  before();
  shares_.front()->gpu.device.select();
  const Nanoseconds taken =
      configuration_.scope == Scope::kernel ? device_clock(operations) : host_clock(operations);
  done_ += operations;
  for (const auto& share : shares_) share->gpu.warm_up.worked();
  return taken;
}

Observation DeviceOperation::observe() {
  Observation seen = observer_.observe();
  const auto disturbed = [&](const std::string& why) {
    if (!why.empty()) seen.disturbed += (seen.disturbed.empty() ? "" : "; ") + why;
  };
  for (const auto& share : shares_) {
    if (limit_.count > 0) disturbed(share->work->misplaced());
    if (share->clock == nullptr) continue;
    if (const int overruns = share->clock->take_overruns(); overruns > 0) {
      disturbed(
          fmt::format("{} batches were not queued in time: the device's clock may contain "
                      "the host's",
                      overruns));
    }
  }
  return seen;
}

void DeviceOperation::wait() {
  for (const auto& share : shares_) share->stream.synchronize();
}

void DeviceOperation::renewed() {
  done_ = 0;
  for (const auto& share : shares_) share->gpu.warm_up.run();
}

/// Until the host knows that the result is there, for each operation.
Nanoseconds DeviceOperation::host_clock(std::int64_t operations) {
  std::int64_t operation = done_;
  return time_all(operations, [&] {
    each_share([&](Share& share) { share.work->enqueue(share.stream, operation, 1); });
    wait();
    collect(operation++);
  });
}

/// The slowest device's clock.
Nanoseconds DeviceOperation::device_clock(std::int64_t operations) {
  Nanoseconds total{};
  for (std::int64_t first = done_; first < done_ + operations;) {
    const std::int64_t batch =
        std::min(done_ + operations - first, KernelClock::most_queued(*shares_.front()->work));
    try {
      each_share([&](Share& share) { share.clock->queue(*share.work, first, batch); });
    } catch (...) {
      each_share([](Share& share) { share.clock->release(); });
      throw;
    }
    for (const auto& share : shares_) share->clock->release();
    Nanoseconds slowest{};
    for (const auto& share : shares_) slowest = std::max(slowest, share->clock->wait());
    total += slowest;
    first += batch;
    for (std::int64_t i = first - batch; i < first; ++i) collect(i);
  }
  return total;
}

}  // namespace crossover::gpu
