#include <algorithm>
#include <string>
#include <vector>

#include "gpu/costs/costs.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"

namespace crossover::gpu {

namespace {

constexpr unsigned kWarp = 32;

/// A worker that does nothing but leave word that it came, which nothing on the device waits for.
__global__ void create_launch(std::uint64_t* came) {
  if (threadIdx.x == 0) add_atomically(came + blockIdx.x, std::uint64_t{1});
}

/// One operation launches a block for each worker and waits for their end; more elements than
/// workers do so again.
class CreateOperation final : public HostClockedOperation {
 public:
  CreateOperation(const Configuration& configuration, Gpu& gpu)
      : gpu_(gpu),
        observer_({&gpu}),
        workers_(configuration.workers),
        rounds_(configuration.elements / static_cast<std::uint64_t>(workers_)),
        stream_(gpu.device),
        came_(gpu.device, static_cast<std::uint64_t>(workers_)) {
    if (configuration.elements % came_.size() != 0) {
      throw Unavailable(std::to_string(workers_) + " workers at a time do not make " +
                        std::to_string(configuration.elements) + " in all");
    }
    // CUDA loads code when it is first launched.
    forget();
    launch_idlers();
    stream_.synchronize();
  }

  void renew(std::uint32_t) override {
    operations_ = 0;
    gpu_.device.select();
    forget();
    gpu_.warm_up.run();
  }

  Nanoseconds time(std::int64_t operations) override {
    operations_ += static_cast<std::uint64_t>(operations);
    gpu_.device.select();
    const Nanoseconds taken = HostClockedOperation::time(operations);
    gpu_.warm_up.worked();
    return taken;
  }

  Observation observe() override { return observer_.observe(); }

  /// Every block came as often as it was asked.
  Verdict verify() override {
    std::vector<std::uint64_t> came(came_.size());
    gpu_.device.check(cudaMemcpyAsync(came.data(), came_.data(), came.size() * sizeof came[0],
                                      cudaMemcpyDeviceToHost, stream_.get()),
                      "copying who came");
    stream_.synchronize();
    const std::uint64_t expected = operations_ * rounds_;
    const auto right = static_cast<std::size_t>(std::count(came.begin(), came.end(), expected));
    if (right == came.size()) return {0, true, {}};
    const std::size_t wrong = came.size() - right;
    return {static_cast<double>(wrong) / static_cast<double>(came.size()), false,
            std::to_string(wrong) + " of " + std::to_string(came.size()) +
                " workers did not come " + std::to_string(expected) + " times"};
  }

 private:
  void run() override {
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      launch_idlers();
      stream_.synchronize();
    }
  }
  void launch_idlers() const {
    launch(stream_, &create_launch, Shape{came_.size(), kWarp, 0}, came_.data());
  }
  void forget() {
    gpu_.device.check(
        cudaMemsetAsync(came_.data(), 0, came_.size() * sizeof *came_.data(), stream_.get()),
        "clearing who came");
    stream_.synchronize();
  }

  Gpu& gpu_;
  Observer observer_;
  int workers_;
  std::uint64_t rounds_;
  std::uint64_t operations_ = 0;
  Stream stream_;
  DeviceArray<std::uint64_t> came_;
};

}  // namespace

std::vector<CostVariant> create_variants() {
  // How long the host waits is the question: resident alone.
  return {{{"launch", Variant::Role::best, {Scope::resident}},
           [](const Configuration& configuration, Gpu& gpu) {
             return std::make_unique<CreateOperation>(configuration, gpu);
           }}};
}

}  // namespace crossover::gpu
