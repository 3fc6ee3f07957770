#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/buffer.hpp"
#include "gpu/operations.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {

/// What operations in the scopes `resident` and `kernel` have in common: streams, both clocks, and
/// what the devices tell.
class DeviceOperation : public Operation {
 public:
  Nanoseconds time(std::int64_t operations) final;
  Observation observe() final;

 protected:
  /// One GPU's share of an operation.
  struct Share {
    Share(Gpu& on, Slice part) : gpu(on), slice(part), stream(on.device) {}
    Gpu& gpu;
    Slice slice;
    Stream stream;
    DeviceArray<std::byte> memory;
    std::unique_ptr<Work> work;
    std::unique_ptr<KernelClock> clock;
  };

  /// `elements` elements of `element_bytes` each are shared out among the GPUs.
  DeviceOperation(const Configuration& configuration, const std::vector<Gpu*>& gpus,
                  std::uint64_t elements, std::size_t element_bytes);

  /// Allocates a share's memory. Throws Unavailable when it does not fit.
  static void allocate(Share& share, std::uint64_t bytes);
  /// Makes each share's work and runs it once: CUDA loads code when it is first launched.
  void make_work(const std::function<std::unique_ptr<Work>(Share&)>& make);

  template <class Body>
  void each_share(Body&& body) {
    for (const auto& share : shares_) {
      if (shares_.size() > 1) share->gpu.device.select();
      body(*share);
    }
  }
  void wait();
  /// After the input was written anew.
  void renewed();

  virtual void before() {}
  /// Takes the result of operation number `operation`, which is complete.
  virtual void collect(std::int64_t operation) { static_cast<void>(operation); }

  Configuration configuration_;
  Multiprocessors limit_;
  std::vector<std::unique_ptr<Share>> shares_;
  std::int64_t done_ = 0;  ///< operations since the input was renewed

 private:
  Nanoseconds host_clock(std::int64_t operations);
  Nanoseconds device_clock(std::int64_t operations);

  Observer observer_;
};

}  // namespace crossover::gpu
