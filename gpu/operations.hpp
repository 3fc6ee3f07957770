#pragma once

#include <map>
#include <memory>
#include <string_view>
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

/// An operation on GPUs: they are brought to their steady clock before a sample, and tell of
/// themselves what they did since the last look: the lowest clocks, the highest temperature, power
/// and energy together, why a clock was throttled.
class GpuOperation : public Operation {
 public:
  void renew(std::uint32_t salt) final;
  Nanoseconds time(std::int64_t operations) final;
  Observation observe() override;

 protected:
  GpuOperation(const Configuration& configuration, std::vector<Gpu*> gpus);

  /// Writes the input for salt_, and waits until it is there.
  virtual void write_input() = 0;
  /// What the clock shows for operations number done_ and following. The first GPU is selected.
  virtual Nanoseconds clocked(std::int64_t operations) = 0;

  Configuration configuration_;
  std::vector<Gpu*> gpus_;
  std::uint32_t salt_ = 0;
  std::int64_t done_ = 0;  ///< operations since the input was renewed

 private:
  std::vector<Reading> before_;
};

/// Memory for data. Throws Unavailable when it does not fit, with what is free.
DeviceArray<std::byte> allocate(const Gpu& gpu, std::uint64_t bytes);

/// A map's result comes back to be verified in pieces of at most so many bytes.
inline constexpr std::uint64_t kPieceBytes = std::uint64_t{16} << 20;

/// `resident` and `kernel`, on one GPU or several at once; of a rung with forms of its own in the
/// form of that name, or in the first guess where it is empty.
std::unique_ptr<Operation> make_device_operation(const Configuration& configuration,
                                                 const std::vector<int>& cpus,
                                                 const std::vector<Gpu*>& gpus, const Rung& rung,
                                                 std::string_view form = {});

/// How `offload` carries data between host and device.
enum class Transfer { pageable, pinned, overlapped };

/// Chunk sizes that were measured to be best: elements, by GPU, workload, type and size.
using ChunkSizes =
    std::map<std::tuple<int, const Workload*, ElementType, std::uint64_t>, std::uint64_t>;

/// `offload`, on one GPU. `chunks` remembers what was measured.
std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  Transfer transfer, ChunkSizes& chunks);

}  // namespace crossover::gpu
