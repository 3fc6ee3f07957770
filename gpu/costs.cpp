#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/counting.hpp"
#include "gpu/device_operation.hpp"

namespace crossover::gpu {

namespace {

class CountOperation final : public DeviceOperation<std::uint64_t, Work> {
 public:
  CountOperation(const Configuration& configuration, Gpu& gpu)
      : DeviceOperation(configuration, 1, {}, {&gpu}) {
    set(0);
    make_work([this](auto& share) {
      return make_count(share.gpu->device, configuration_.variant, share.data.data(),
                        configuration_.elements, limit_);
    });
  }

  void renew(std::uint32_t salt) override {
    start_ = counting::first(salt);
    operations_ = 0;
    set(start_);
    warm_up();
  }

  Verdict verify() override {
    std::uint64_t value = 0;
    copy(&value, counter(), cudaMemcpyDeviceToHost, "copying the counter back");
    return counting::verify({start_, operations_, configuration_.elements}, value,
                            configuration_.variant == "unsynchronised");
  }

 private:
  void before(std::int64_t operations) override {
    operations_ += static_cast<std::uint64_t>(operations);
  }
  std::uint64_t* counter() const { return shares_.front()->data.data(); }
  void set(std::uint64_t value) {
    copy(counter(), &value, cudaMemcpyHostToDevice, "setting the counter");
  }
  void copy(std::uint64_t* to, const std::uint64_t* from, cudaMemcpyKind kind, const char* doing) {
    const Stream& stream = shares_.front()->stream;
    stream.device().select();
    stream.device().check(cudaMemcpyAsync(to, from, sizeof *to, kind, stream.get()), doing);
    wait();
  }

  std::uint64_t start_ = 0;
  std::uint64_t operations_ = 0;
};

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
      throw Unavailable(fmt::format("{} workers at a time do not make {} in all", workers_,
                                    configuration.elements));
    }
    // CUDA loads code when it is first launched.
    forget();
    launch_idlers(stream_, came_.data(), workers_);
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
            fmt::format("{} of {} workers did not come {} times", wrong, came.size(), expected)};
  }

 private:
  void run() override {
    for (std::uint64_t round = 0; round < rounds_; ++round) {
      launch_idlers(stream_, came_.data(), workers_);
      stream_.synchronize();
    }
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

std::unique_ptr<Operation> make_cost_operation(const Configuration& configuration, Gpu& gpu) {
  const std::string_view workload = configuration.workload->name;
  if (workload == "count") return std::make_unique<CountOperation>(configuration, gpu);
  if (workload == "create") return std::make_unique<CreateOperation>(configuration, gpu);
  throw std::invalid_argument(fmt::format("cuda does not do {}", workload));
}

}  // namespace crossover::gpu
