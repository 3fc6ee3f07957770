#include <limits>
#include <string>

#include "common/counting.hpp"
#include "gpu/costs/costs.hpp"
#include "gpu/costs/count_kernels.cuh"
#include "gpu/device_operation.hpp"
#include "gpu/placement.hpp"

namespace crossover::gpu {

namespace {

constexpr unsigned kCountThreads = 256;

using Kernel = void (*)(std::uint64_t*, std::uint64_t, unsigned*);

/// An increment a thread, or several where there are more than threads that the device holds.
std::unique_ptr<Work> make_count_work(const Device& device, Kernel kernel, std::uint64_t* counter,
                                      std::uint64_t elements, Multiprocessors limit) {
  Shape shape{1, OneBlockEach::kThreads, 0};
  if (limit.count == 0) {
    shape = filling(device, kernel, {1, kCountThreads, 0}, ceil_div(elements, kCountThreads));
  }
  std::optional<OneBlockEach> placement = place(device, kernel, shape, limit);
  // Each thread of a block makes that many increments or one less.
  const std::uint64_t each = ceil_div(elements, shape.blocks * shape.threads);
  if (kernel == &count_shared_atomic &&
      each > std::numeric_limits<std::uint32_t>::max() / shape.threads) {
    throw Unavailable(std::to_string(elements) + " increments in " + std::to_string(shape.blocks) +
                      " blocks are more than a block's counter of 32 bits holds");
  }
  return std::make_unique<KernelWork>(
      1,
      [=](const Stream& stream, std::uint64_t, unsigned* seen) {
        launch(stream, kernel, shape, counter, elements, seen);
      },
      std::move(placement));
}

class CountOperation final : public DeviceOperation {
 public:
  CountOperation(const Configuration& configuration, Gpu& gpu, Kernel kernel)
      : DeviceOperation(configuration, {&gpu}, 1, sizeof(std::uint64_t)),
        may_lose_(kernel == &count_unsynchronised) {
    allocate(*shares_.front(), sizeof(std::uint64_t));
    set(0);
    make_work([&](Share& share) {
      return make_count_work(share.gpu.device, kernel, counter(), configuration.elements, limit_);
    });
  }

  void renew(std::uint32_t salt) override {
    start_ = counting::first(salt);
    set(start_);
    renewed();
  }

  Verdict verify() override {
    std::uint64_t value = 0;
    copy(&value, counter(), cudaMemcpyDeviceToHost, "copying the counter back");
    return counting::verify({start_, static_cast<std::uint64_t>(done_), configuration_.elements},
                            value, may_lose_);
  }

 private:
  std::uint64_t* counter() const {
    return reinterpret_cast<std::uint64_t*>(shares_.front()->memory.data());
  }
  void set(std::uint64_t value) {
    copy(counter(), &value, cudaMemcpyHostToDevice, "setting the counter");
  }
  void copy(std::uint64_t* to, const std::uint64_t* from, cudaMemcpyKind kind, const char* doing) {
    const Stream& stream = shares_.front()->stream;
    stream.device().select();
    stream.device().check(cudaMemcpyAsync(to, from, sizeof *to, kind, stream.get()), doing);
    wait();
  }

  bool may_lose_;
  std::uint64_t start_ = 0;
};

}  // namespace

std::vector<CostVariant> count_variants() {
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  std::vector<CostVariant> all;
  for (const auto& [name, kernel] : std::initializer_list<std::pair<const char*, Kernel>>{
           {"unsynchronised", &count_unsynchronised},
           {"atomic", &count_atomic},
           {"shared-atomic", &count_shared_atomic},
           {"warp-aggregated", &count_warp_aggregated}}) {
    all.push_back({{name, Variant::Role::best, device},
                   [kernel = kernel](const Configuration& configuration, Gpu& gpu) {
                     return std::make_unique<CountOperation>(configuration, gpu, kernel);
                   }});
  }
  return all;
}

}  // namespace crossover::gpu
