#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "gpu/ladder.hpp"
#include "gpu/operations.hpp"
#include "gpu/work.hpp"

/// What operations in the scopes `resident` and `kernel` have in common: streams, both clocks, and
/// what the devices tell.
namespace crossover::gpu {

/// One GPU's share of an operation. `Interface` is Work or SumWork<T>.
template <class T, class Interface>
struct Share {
  Share(Gpu& on, Slice part)
      : gpu(&on), slice(part), stream(on.device), data(on.device, part.size) {}
  Gpu* gpu;
  Slice slice;
  Stream stream;
  DeviceArray<T> data;
  std::unique_ptr<Interface> work;
  std::unique_ptr<KernelClock> clock;
};

template <class T, class Interface>
class DeviceOperation : public Operation {
 public:
  /// `size` elements of T lie on the devices, shared out among them.
  DeviceOperation(const Configuration& configuration, std::uint64_t size, std::vector<int> cpus,
                  std::vector<Gpu*> gpus)
      : configuration_(configuration), cpus_(std::move(cpus)), observer_(gpus) {
    int all = 0;
    for (const Gpu* gpu : gpus) all += gpu->device.properties().multiprocessors;
    limit_.count = configuration.workers < all ? configuration.workers : 0;
    const int count = static_cast<int>(gpus.size());
    if (limit_.count > 0 && count > 1) {
      throw Unavailable("several GPUs at once use all of their multiprocessors");
    }
    for (int i = 0; i < count; ++i) {
      Gpu& gpu = *gpus[static_cast<std::size_t>(i)];
      const Slice slice = slice_of(size, sizeof(T), i, count);
      require_room(gpu, slice.size * sizeof(T));
      shares_.push_back(std::make_unique<Share<T, Interface>>(gpu, slice));
    }
  }

  Nanoseconds time(std::int64_t operations) final {
    before(operations);
    shares_.front()->gpu->device.select();
    const Nanoseconds taken =
        configuration_.scope == Scope::kernel ? device_clock(operations) : host_clock(operations);
    for (const auto& share : shares_) share->gpu->warm_up.worked();
    return taken;
  }

  Observation observe() final {
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

 protected:
  /// Makes each share's work, of the variant's step, and runs it once: CUDA loads code when it is
  /// first launched.
  template <class Make>
  void make_work(Make&& make) {
    for (const auto& share : shares_) {
      share->gpu->device.select();
      share->work = make(*share);
    }
    each_share([](auto& share) { share.work->enqueue(share.stream, 1); });
    wait();
    if (configuration_.scope != Scope::kernel) return;
    each_share([](auto& share) { share.clock = std::make_unique<KernelClock>(share.stream); });
  }

  /// The step of a share for the configuration's variant.
  std::string step(const Share<T, Interface>& share) const {
    const std::string& variant = configuration_.variant;
    if (variant != "best" && variant != "graph") return variant;
    return best_step(*configuration_.workload,
                     {share.gpu->device.properties().multiprocessors, share.gpu->bulk,
                      share.slice.size * sizeof(T), limit_.count > 0});
  }

  bool is_library() const {
    return has_library(configuration_.workload->name, configuration_.type, configuration_.variant);
  }
  void require_all_multiprocessors() const {
    if (limit_.count == 0) return;
    throw Unavailable(
        fmt::format("{} chooses its own grid: all multiprocessors only", configuration_.variant));
  }

  template <class Body>
  void each_share(Body&& body) {
    for (const auto& share : shares_) {
      if (shares_.size() > 1) share->gpu->device.select();
      body(*share);
    }
  }
  void wait() {
    for (const auto& share : shares_) share->stream.synchronize();
  }
  void warm_up() {
    for (const auto& share : shares_) share->gpu->warm_up.run();
  }

  virtual void before(std::int64_t operations) = 0;
  virtual void collect() {}

  Configuration configuration_;
  std::vector<int> cpus_;
  Multiprocessors limit_;
  std::vector<std::unique_ptr<Share<T, Interface>>> shares_;

 private:
  /// Until the host knows that the result is there, for each operation.
  Nanoseconds host_clock(std::int64_t operations) {
    const auto start = std::chrono::steady_clock::now();
    for (std::int64_t i = 0; i < operations; ++i) {
      each_share([](auto& share) { share.work->enqueue(share.stream, 1); });
      wait();
      collect();
    }
    return std::chrono::steady_clock::now() - start;
  }

  /// The slowest device's clock.
  Nanoseconds device_clock(std::int64_t operations) {
    Nanoseconds total{};
    while (operations > 0) {
      const std::int64_t batch =
          std::min(operations, KernelClock::most_queued(*shares_.front()->work));
      try {
        each_share([batch](auto& share) { share.clock->queue(*share.work, batch); });
      } catch (...) {
        each_share([](auto& share) { share.clock->release(); });
        throw;
      }
      for (const auto& share : shares_) share->clock->release();
      Nanoseconds slowest{};
      for (const auto& share : shares_) slowest = std::max(slowest, share->clock->wait());
      total += slowest;
      operations -= batch;
    }
    collect();
    return total;
  }

  Observer observer_;
};

}  // namespace crossover::gpu
