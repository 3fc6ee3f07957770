#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/model.hpp"
#include "gpu/clock.hpp"
#include "gpu/device.hpp"
#include "gpu/telemetry.hpp"

namespace crossover::gpu {

/// One GPU, as long as the model lives.
struct Gpu {
  explicit Gpu(int number);

  Device device;
  Telemetry telemetry;
  WarmUp warm_up;
  bool bulk;  ///< bulk copies can run
};

/// The columns that observe() fills.
std::vector<std::string_view> observed_columns();

/// What the GPUs tell of themselves since the last look: the lowest clocks, the highest
/// temperature, power and energy together, why a clock was throttled.
class Observer {
 public:
  explicit Observer(std::vector<Gpu*> gpus);
  Observation observe();

 private:
  std::vector<Gpu*> gpus_;
  std::vector<Reading> before_;
};

/// Throws Unavailable when `bytes` bytes of device memory are not free, with what is.
void require_room(const Gpu& gpu, std::uint64_t bytes);

/// Chunk sizes that were measured to be best: elements, by what was measured.
using ChunkSizes = std::map<std::string, std::uint64_t>;

/// `resident` and `kernel`, on one GPU or several at once.
std::unique_ptr<Operation> make_device_operation(const Configuration& configuration,
                                                 const std::vector<int>& cpus,
                                                 std::vector<Gpu*> gpus);

/// What parallelism costs, `count` and `create`, on one GPU.
std::unique_ptr<Operation> make_cost_operation(const Configuration& configuration, Gpu& gpu);

/// `offload`, on one GPU. `chunks` remembers what was measured.
std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  ChunkSizes& chunks);

}  // namespace crossover::gpu
