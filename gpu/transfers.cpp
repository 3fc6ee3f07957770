#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
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

class OffloadOperation final : public GpuOperation {
 public:
  OffloadOperation(const Configuration& configuration, std::vector<int> cpus, Gpu& gpu,
                   Transfer transfer, ChunkSizes& chunk_sizes)
      : GpuOperation(configuration, {&gpu}),
        workload_(*configuration.workload),
        element_bytes_(size_of(configuration.type)),
        arrays_(static_cast<std::size_t>(workload_.arrays)),
        array_bytes_(configuration.elements * element_bytes_),
        cpus_(std::move(cpus)),
        device_(gpu.device),
        reference_(make_reference(workload_, configuration.type)) {
    if (configuration.cache == Cache::cold && *cold_unavailable() != '\0') {
      throw Unavailable(cold_unavailable());
    }
    const std::uint64_t bytes = std::max<std::uint64_t>(ceil_div(array_bytes_, 256), 1) * 256;
    data_ = allocate(gpu, arrays_ * bytes);
    on_device_.elements = configuration.elements;
    for (std::size_t array = 0; array < arrays_; ++array) {
      if (transfer == Transfer::pageable) {
        void* const memory = pageable_.emplace_back(array_bytes_).data();
        host_.push_back(static_cast<std::byte*>(memory));
      } else {
        host_.push_back(pinned_.emplace_back(device_, array_bytes_).data());
      }
      on_device_.first[array] = data_.data() + array * bytes;
    }
    for (std::size_t i = 0; i < (transfer == Transfer::overlapped ? kStreams : 1); ++i) {
      streams_.emplace_back(device_);
      come_.emplace_back(device_, false);
    }
    if (workload_.is_sum) sum_ = make_segmented_sum(target(streams_.front(), on_device_));
    fill_host();
    cut(transfer == Transfer::overlapped ? best_chunk(chunk_sizes) : configuration.elements);
    run();  // CUDA loads code when it is first launched
  }

  std::int64_t operations_left() const override {
    const std::int64_t all = reference_->operations_per_input();
    return all == kUnlimited ? all : all - done_;
  }
  Verdict verify() override {
    if (sum_) {
      return reference_->verify_sum(sum_->finish.sum(0), configuration_.elements, salt_,
                                    sum_->finish.rounding, cpus_);
    }
    return reference_->verify_map(host_.front(), 0, configuration_.elements, salt_, done_, cpus_);
  }

 private:
  struct Chunk {
    std::uint64_t first;
    std::uint64_t count;
    Work map;  ///< of maps
  };

  const Stream& stream_of(std::size_t chunk) const { return streams_[chunk % streams_.size()]; }
  Target target(const Stream& stream, const Arrays& arrays) const {
    return {stream, workload_, configuration_.type, arrays};
  }

  void fill_host() {
    parallel_over(configuration_.elements, cpus_, [&](std::uint64_t first, std::uint64_t count) {
      for (std::size_t array = 0; array < arrays_; ++array) {
        reference_->fill(static_cast<int>(array), host_[array] + first * element_bytes_, first,
                         count, salt_);
      }
    });
  }
  void write_input() override {
    fill_host();
    // What the operation before has left on the device is no input of the next.
    const Stream& stream = streams_.front();
    device_.check(cudaMemsetAsync(data_.data(), 0xff, data_.size(), stream.get()),
                  "clearing what was copied");
    stream.synchronize();
  }

  /// Cold: the host's arrays leave the CPU's caches before each operation. (What the device has of
  /// them is copied anew in any case.)
  Nanoseconds clocked(std::int64_t operations) override {
    if (sum_) sum_->finish.poison();
    const auto one = [this] { run(); };
    if (configuration_.cache == Cache::warm) return time_all(operations, one);
    return time_each(operations, one, [this] {
      for (const std::byte* host : host_) remove_from_caches(host, array_bytes_);
    });
  }

  /// Cuts the data into chunks of `elements` elements; of none there is one chunk of a sum.
  void cut(std::uint64_t elements) {
    chunks_.clear();
    std::uint64_t first = 0;
    do {
      const std::uint64_t count = std::min(elements, configuration_.elements - first);
      Work map;
      if (!sum_) {
        Arrays part = on_device_;
        part.elements = count;
        for (std::size_t i = 0; i < arrays_; ++i) part.first[i] += first * element_bytes_;
        map = best(target(stream_of(chunks_.size()), part));
      }
      chunks_.push_back({first, count, std::move(map)});
      first += count;
    } while (first < configuration_.elements);
  }

  /// The chunk size for `overlapped`, measured once for each size of data: small chunks start to
  /// overlap sooner, large ones cost fewer calls, and where they balance depends on the link.
  std::uint64_t best_chunk(ChunkSizes& known) {
    if (array_bytes_ < 2 * kSmallestChunk) return configuration_.elements;
    std::uint64_t& best =
        known[{device_.number(), &workload_, configuration_.type, configuration_.elements}];
    if (best != 0) return best;
    const std::uint64_t granularity = sum_ ? sum_->granularity : 16 / element_bytes_;
    Nanoseconds least{std::numeric_limits<double>::max()};
    for (std::uint64_t bytes = kSmallestChunk; bytes <= kLargestChunk && bytes < array_bytes_;
         bytes *= 2) {
      const std::uint64_t chunk = ceil_div(bytes / element_bytes_, granularity) * granularity;
      cut(chunk);
      run();
      for (int i = 0; i < 3; ++i) {
        const Nanoseconds taken = time_all(1, [this] { run(); });
        if (taken >= least) continue;
        least = taken;
        best = chunk;
      }
    }
    return best;
  }

  /// One operation: all that is read comes in; what is written goes out.
  void run() {
    const auto copy = [&](const Stream& stream, void* to, const void* from, std::uint64_t count,
                          cudaMemcpyKind kind) {
      device_.check(cudaMemcpyAsync(to, from, count * element_bytes_, kind, stream.get()),
                    "copying between host and device");
    };
    // What is written in place is read as well.
    const auto first_input = static_cast<std::size_t>(workload_.first_read);
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      const auto& [first, count, map] = chunks_[i];
      const Stream& stream = stream_of(i);
      const std::uint64_t offset = first * element_bytes_;
      for (std::size_t array = first_input; count > 0 && array < arrays_; ++array) {
        copy(stream, on_device_.first[array] + offset, host_[array] + offset, count,
             cudaMemcpyHostToDevice);
      }
      if (sum_) {
        sum_->enqueue_part(stream, first, count);
      } else {
        map.enqueue(stream, 0, 1);
        copy(stream, host_.front() + offset, on_device_.first.front() + offset, count,
             cudaMemcpyDeviceToHost);
      }
    }
    if (sum_) {
      // The first stream goes on when all have come this far.
      for (std::size_t i = 1; i < streams_.size(); ++i) {
        come_[i].record(streams_[i]);
        device_.check(cudaStreamWaitEvent(streams_.front().get(), come_[i].get(), 0),
                      "waiting for a stream");
      }
      sum_->finish.enqueue(streams_.front(), 0, 1);
    }
    for (const Stream& stream : streams_) stream.synchronize();
  }

  const Workload& workload_;
  std::size_t element_bytes_;
  std::size_t arrays_;
  std::uint64_t array_bytes_;
  std::vector<int> cpus_;
  const Device& device_;
  std::unique_ptr<Reference> reference_;
  std::vector<Buffer> pageable_;
  std::vector<PinnedArray<std::byte>> pinned_;
  std::vector<std::byte*> host_;  // of each array, in one or the other
  DeviceArray<std::byte> data_;
  Arrays on_device_;
  std::vector<Stream> streams_;
  std::vector<Event> come_;          // of each stream, so far
  std::optional<SegmentedSum> sum_;  ///< of sums
  std::vector<Chunk> chunks_;
};

}  // namespace

std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  Transfer transfer, ChunkSizes& chunks) {
  return std::make_unique<OffloadOperation>(configuration, cpus, gpu, transfer, chunks);
}

}  // namespace crossover::gpu
