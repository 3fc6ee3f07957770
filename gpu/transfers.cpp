#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "common/buffer.hpp"
#include "common/cold.hpp"
#include "common/parallel.hpp"
#include "gpu/ladder.hpp"
#include "gpu/launch.hpp"
#include "gpu/operations.hpp"
#include "gpu/work.hpp"

/// `offload`: the data starts and ends in the host's memory. In the order of understanding:
///
/// `pageable`    ordinary memory. The driver copies through a page-locked buffer of its own, a
///               second pass over the host's memory.
/// `pinned`      page-locked memory, which the copy engines reach by themselves: one pass, at the
///               link's rate, but in, work and out still take turns.
/// `overlapped`  chunks on several streams: while one chunk is worked on, the next comes in and the
///               one before goes out. The link carries both directions at once, and the work hides
///               behind it.
namespace crossover::gpu {

namespace {

constexpr std::size_t kStreams = 4;
constexpr std::uint64_t kSmallestChunk = std::uint64_t{1} << 20;  // bytes of an array
constexpr std::uint64_t kLargestChunk = std::uint64_t{64} << 20;

/// Host memory, page-locked or not.
class HostMemory {
 public:
  HostMemory(const Gpu& gpu, std::uint64_t bytes, bool pinned) {
    if (pinned) {
      pinned_ = PinnedArray<std::byte>(gpu.device, bytes);
    } else {
      pageable_ = Buffer(bytes);
    }
  }
  std::byte* data() const {
    return pinned_.data() != nullptr ? pinned_.data() : static_cast<std::byte*>(pageable_.data());
  }

 private:
  Buffer pageable_;
  PinnedArray<std::byte> pinned_;
};

class OffloadOperation final : public HostClockedOperation {
 public:
  OffloadOperation(const Configuration& configuration, std::vector<int> cpus, Gpu& gpu,
                   Transfer transfer, ChunkSizes& chunk_sizes)
      : configuration_(configuration),
        workload_(*configuration.workload),
        element_bytes_(size_of(configuration.type)),
        // What is written in place is read as well: a pass more than there are arrays.
        first_input_(workload_.is_sum || workload_.passes > workload_.arrays ? 0 : 1),
        cpus_(std::move(cpus)),
        gpu_(gpu),
        observer_({&gpu}),
        reference_(make_reference(workload_, configuration.type)) {
    if (configuration.cache == Cache::cold && *cold_unavailable() != '\0') {
      throw Unavailable(cold_unavailable());
    }
    const std::uint64_t bytes = std::max<std::uint64_t>(ceil_div(array_bytes(), 256), 1) * 256;
    require_room(gpu, arrays() * bytes);
    gpu.device.select();
    data_ = DeviceArray<std::byte>(gpu.device, arrays() * bytes);
    on_device_.elements = configuration.elements;
    for (std::size_t array = 0; array < arrays(); ++array) {
      host_.emplace_back(gpu, array_bytes(), transfer != Transfer::pageable);
      on_device_.first[array] = data_.data() + array * bytes;
    }
    for (std::size_t i = 0; i < (transfer == Transfer::overlapped ? kStreams : 1); ++i) {
      streams_.emplace_back(gpu.device);
      done_.emplace_back(gpu.device, false);
    }
    if (workload_.is_sum) sum_ = make_segmented_sum(target(streams_.front(), on_device_));
    fill_host(0);
    cut(transfer == Transfer::overlapped ? best_chunk(chunk_sizes) : configuration.elements);
    run();  // CUDA loads code when it is first launched
  }

  void renew(std::uint32_t salt) override {
    salt_ = salt;
    operations_ = 0;
    fill_host(salt);
    gpu_.warm_up.run();
  }
  std::int64_t operations_left() const override {
    const std::int64_t all = reference_->operations_per_input();
    return all == kUnlimited ? all : all - operations_;
  }
  /// Cold: the host's arrays leave the CPU's caches before each operation. (What the device has of
  /// them is copied anew in any case.)
  Nanoseconds time(std::int64_t operations) override {
    if (sum_ != nullptr) sum_->poison();
    operations_ += operations;
    gpu_.device.select();
    const Nanoseconds taken = configuration_.cache == Cache::warm
                                  ? HostClockedOperation::time(operations)
                                  : time_each(
                                        operations, [this] { run(); },
                                        [this] {
                                          for (const HostMemory& host : host_) {
                                            remove_from_caches(host.data(), array_bytes());
                                          }
                                        });
    gpu_.warm_up.worked();
    return taken;
  }
  Observation observe() override { return observer_.observe(); }
  Verdict verify() override {
    if (sum_ != nullptr) {
      return reference_->verify_sum(sum_->sum(), configuration_.elements, salt_, sum_->rounding(),
                                    cpus_);
    }
    return reference_->verify_map(host_.front().data(), 0, configuration_.elements, salt_,
                                  operations_, cpus_);
  }

 private:
  struct Chunk {
    std::uint64_t first;
    std::uint64_t count;
    std::unique_ptr<Work> map;  ///< of maps
  };

  std::uint64_t arrays() const { return static_cast<std::uint64_t>(workload_.arrays); }
  std::uint64_t array_bytes() const { return configuration_.elements * element_bytes_; }
  const Stream& stream_of(std::size_t chunk) const { return streams_[chunk % streams_.size()]; }
  Target target(const Stream& stream, const Arrays& arrays) const {
    return {stream, workload_, configuration_.type, arrays};
  }

  void fill_host(std::uint32_t salt) {
    parallel_over(configuration_.elements, cpus_, [&](std::uint64_t first, std::uint64_t count) {
      for (std::size_t array = 0; array < arrays(); ++array) {
        reference_->fill(static_cast<int>(array), host_[array].data() + first * element_bytes_,
                         first, count, salt);
      }
    });
  }

  /// Cuts the data into chunks of `elements` elements; of none there is one chunk of a sum.
  void cut(std::uint64_t elements) {
    chunks_.clear();
    std::uint64_t first = 0;
    do {
      const std::uint64_t count = std::min(elements, configuration_.elements - first);
      std::unique_ptr<Work> map;
      if (sum_ == nullptr) {
        Arrays part = on_device_;
        part.elements = count;
        for (std::size_t i = 0; i < arrays(); ++i) part.first[i] += first * element_bytes_;
        map = best(target(stream_of(chunks_.size()), part));
      }
      chunks_.push_back({first, count, std::move(map)});
      first += count;
    } while (first < configuration_.elements);
  }

  /// The chunk size for `overlapped`, measured once for each size of data: small chunks start to
  /// overlap sooner, large ones cost fewer calls, and where they balance depends on the link.
  std::uint64_t best_chunk(ChunkSizes& known) {
    if (array_bytes() < 2 * kSmallestChunk) return configuration_.elements;
    std::uint64_t& best =
        known[{gpu_.device.number(), &workload_, configuration_.type, configuration_.elements}];
    if (best != 0) return best;
    const std::uint64_t granularity = sum_ != nullptr ? sum_->granularity() : 16 / element_bytes_;
    Nanoseconds least{std::numeric_limits<double>::max()};
    for (std::uint64_t bytes = kSmallestChunk; bytes <= kLargestChunk && bytes < array_bytes();
         bytes *= 2) {
      const std::uint64_t chunk = ceil_div(bytes / element_bytes_, granularity) * granularity;
      cut(chunk);
      run();
      for (int i = 0; i < 3; ++i) {
        const Nanoseconds taken = HostClockedOperation::time(1);
        if (taken >= least) continue;
        least = taken;
        best = chunk;
      }
    }
    return best;
  }

  void copy(const Stream& stream, void* to, const void* from, std::uint64_t count,
            cudaMemcpyKind kind) const {
    gpu_.device.check(cudaMemcpyAsync(to, from, count * element_bytes_, kind, stream.get()),
                      "copying between host and device");
  }
  /// All that is read comes in; what is written goes out.
  void run() override {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      const auto& [first, count, map] = chunks_[i];
      const Stream& stream = stream_of(i);
      const std::uint64_t offset = first * element_bytes_;
      for (std::size_t array = first_input_; count > 0 && array < arrays(); ++array) {
        copy(stream, on_device_.first[array] + offset, host_[array].data() + offset, count,
             cudaMemcpyHostToDevice);
      }
      if (sum_ != nullptr) {
        sum_->enqueue_part(stream, first, count);
      } else {
        map->enqueue(stream, 0, 1);
        copy(stream, host_.front().data() + offset, on_device_.first.front() + offset, count,
             cudaMemcpyDeviceToHost);
      }
    }
    if (sum_ != nullptr) {
      join();
      sum_->enqueue_finish(streams_.front());
    }
    for (const Stream& stream : streams_) stream.synchronize();
  }

  /// The first stream goes on when all have come this far.
  void join() const {
    for (std::size_t i = 1; i < streams_.size(); ++i) {
      done_[i].record(streams_[i]);
      gpu_.device.check(cudaStreamWaitEvent(streams_.front().get(), done_[i].get(), 0),
                        "waiting for a stream");
    }
  }

  Configuration configuration_;
  const Workload& workload_;
  std::size_t element_bytes_;
  std::size_t first_input_;
  std::vector<int> cpus_;
  Gpu& gpu_;
  Observer observer_;
  std::unique_ptr<Reference> reference_;
  std::vector<HostMemory> host_;  // of each array
  DeviceArray<std::byte> data_;
  Arrays on_device_;
  std::vector<Stream> streams_;
  std::vector<Event> done_;
  std::unique_ptr<SegmentedSum> sum_;  ///< null for maps
  std::vector<Chunk> chunks_;
  std::uint32_t salt_ = 0;
  std::int64_t operations_ = 0;
};

}  // namespace

std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  Transfer transfer, ChunkSizes& chunks) {
  return std::make_unique<OffloadOperation>(configuration, cpus, gpu, transfer, chunks);
}

std::uint64_t offload_host_bytes(const Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.workload->arrays) *
         Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
}

}  // namespace crossover::gpu
