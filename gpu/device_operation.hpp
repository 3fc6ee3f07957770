#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "common/buffer.hpp"
#include "gpu/operations.hpp"
#include "gpu/work.hpp"

namespace crossover::gpu {

/// What operations in the scopes `resident` and `kernel` have in common: streams and both clocks.
class DeviceOperation : public GpuOperation {
 public:
  Observation observe() final;

 protected:
  /// One GPU's share of an operation.
  struct Share {
    Share(Gpu& on, Slice part, int some) : gpu(on), slice(part), limit(some), stream(on.device) {}
    Gpu& gpu;
    Slice slice;
    int limit;  ///< as Target's
    Stream stream;
    DeviceArray<std::byte> memory;
    Work work;
  };

  /// `elements` elements of `element_bytes` each are shared out among the GPUs. `spread`: with one
  /// block on each multiprocessor, of one GPU any number of them; without it on all.
  DeviceOperation(const Configuration& configuration, const std::vector<Gpu*>& gpus,
                  std::uint64_t elements, std::size_t element_bytes, bool spread);

  /// Makes each share's work and runs it once: CUDA loads code when it is first launched.
  void make_work(const std::function<Work(Share&)>& make);

  template <class Body>
  void each_share(Body&& body) {
    for (const auto& share : shares_) {
      if (shares_.size() > 1) share->gpu.device.select();
      body(*share);
    }
  }
  void wait() {
    for (const auto& share : shares_) share->stream.synchronize();
  }

  /// Takes the result of operation number `operation`, which is complete.
  virtual void collect(std::int64_t operation) { static_cast<void>(operation); }

  std::vector<std::unique_ptr<Share>> shares_;

 private:
  Nanoseconds clocked(std::int64_t operations) final;

  std::vector<KernelClock> clocks_;  ///< one for each share, in the scope `kernel`
};

}  // namespace crossover::gpu
