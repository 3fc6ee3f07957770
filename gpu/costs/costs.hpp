#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "gpu/device_operation.hpp"

/// What parallelism costs, on one GPU.
namespace crossover::gpu {

struct CostVariant {
  Variant variant;
  /// On the GPU; input is written on the `cpus`.
  std::function<std::unique_ptr<Operation>(const Configuration&, const std::vector<int>& cpus,
                                           Gpu&)>
      make;
  int host_arrays = 0;  ///< of so many units, that make() takes of the host's memory
};

/// `count`: all threads add to one counter.
std::vector<CostVariant> count_variants();

/// `create`: a block for each worker, which does nothing, by a stream, dependent and by a graph;
/// and the wait for their end, or the gap to the next.
std::vector<CostVariant> create_variants();

/// `link`: bytes copied to the device, to the host, or both ways at once, from memory of three
/// kinds.
std::vector<CostVariant> link_variants();

/// Work on counters in device memory, which all start from counting::first(salt).
class CounterOperation final : public DeviceOperation {
 public:
  /// Makes the work on `counters` that the stream will get, within Target's `limit`.
  using MakeWork = std::function<Work(const Stream&, int limit, std::uint64_t* counters)>;
  /// What is to be said of the counters' values, which started from `first`, after so many
  /// operations.
  using Check = std::function<Verdict(const std::vector<std::uint64_t>& values, std::uint64_t first,
                                      std::uint64_t operations)>;
  CounterOperation(const Configuration& configuration, Gpu& gpu, std::uint64_t counters,
                   const MakeWork& make, Check check);

  Verdict verify() override;

 private:
  void write_input() override;
  void copy(void* to, const void* from, cudaMemcpyKind kind, const char* doing);

  std::vector<std::uint64_t> values_;
  Check check_;
};

}  // namespace crossover::gpu
