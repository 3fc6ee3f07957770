#pragma once

#include <map>
#include <memory>
#include <tuple>
#include <vector>

#include "common/model.hpp"
#include "gpu/clock.hpp"
#include "gpu/device.hpp"
#include "gpu/ladder.hpp"
#include "gpu/telemetry.hpp"

namespace crossover::gpu {

/// One GPU, as long as the model lives.
struct Gpu {
  explicit Gpu(int number);

  Device device;
  Telemetry telemetry;
  WarmUp warm_up;
};

/// The columns that observe() fills.
std::vector<Column> observed_columns();

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

/// `resident` and `kernel`, on one GPU or several at once.
std::unique_ptr<Operation> make_device_operation(const Configuration& configuration,
                                                 const std::vector<int>& cpus,
                                                 const std::vector<Gpu*>& gpus, const Rung& rung);
/// The host memory that it takes.
std::uint64_t device_operation_host_bytes(const Configuration& configuration);

/// How `offload` carries data between host and device.
enum class Transfer { pageable, pinned, overlapped };

/// Chunk sizes that were measured to be best: elements, by GPU, workload, type and size.
using ChunkSizes =
    std::map<std::tuple<int, const Workload*, ElementType, std::uint64_t>, std::uint64_t>;

/// `offload`, on one GPU. `chunks` remembers what was measured.
std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  Transfer transfer, ChunkSizes& chunks);
/// The host memory that it takes.
std::uint64_t offload_host_bytes(const Configuration& configuration);

}  // namespace crossover::gpu
