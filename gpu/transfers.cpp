#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/doubling.hpp"
#include "common/parallel.hpp"
#include "common/reduction.hpp"
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
/// `overlapped`  chunks on several streams: while one chunk is doubled, the next comes in and the
///               one before goes out. The link carries both directions at once, and the work hides
///               behind it.
namespace crossover::gpu {

namespace {

constexpr std::size_t kStreams = 4;
constexpr std::uint64_t kSmallestChunk = std::uint64_t{1} << 20;  // bytes
constexpr std::uint64_t kLargestChunk = std::uint64_t{64} << 20;

/// Host memory for the data, page-locked or not.
template <class T>
class HostArray {
 public:
  HostArray(const Gpu& gpu, std::uint64_t elements, bool pinned) : elements_(elements) {
    if (pinned) {
      pinned_ = PinnedArray<T>(gpu.device, elements);
    } else {
      pageable_ = Array<T>(elements);
    }
  }
  std::span<T> all() const {
    return {pinned_.data() != nullptr ? pinned_.data() : pageable_.all().data(), elements_};
  }

 private:
  std::uint64_t elements_;
  Array<T> pageable_;
  PinnedArray<T> pinned_;
};

template <class T>
class OffloadOperation : public HostClockedOperation {
 public:
  OffloadOperation(const Configuration& configuration, std::vector<int> cpus, Gpu& gpu)
      : configuration_(configuration), cpus_(std::move(cpus)), gpu_(gpu), observer_({&gpu}) {
    require_room(gpu, configuration.elements * sizeof(T));
    gpu.device.select();
    host_ = std::make_unique<HostArray<T>>(gpu, configuration.elements,
                                           configuration.variant != "pageable");
    data_ = DeviceArray<T>(gpu.device, configuration.elements);
    const std::size_t streams = configuration.variant == "overlapped" ? kStreams : 1;
    for (std::size_t i = 0; i < streams; ++i) {
      streams_.emplace_back(gpu.device);
      done_.emplace_back(gpu.device, false);
    }
  }

  Nanoseconds time(std::int64_t operations) final {
    before(operations);
    gpu_.device.select();
    const Nanoseconds taken = HostClockedOperation::time(operations);
    gpu_.warm_up.worked();
    return taken;
  }
  Observation observe() final { return observer_.observe(); }

 protected:
  std::uint64_t elements() const { return configuration_.elements; }
  std::span<T> host() const { return host_->all(); }
  T* device_data() const { return data_.data(); }
  virtual void before(std::int64_t operations) = 0;
  /// Cuts the data into chunks of `elements` elements.
  virtual void cut(std::uint64_t elements) = 0;

  /// The chunk size for `overlapped`, measured once for each size of data: small chunks start to
  /// overlap sooner, large ones cost fewer calls, and where they balance depends on the link.
  void choose_chunks(ChunkSizes& known, std::uint64_t granularity) {
    const std::uint64_t all = std::max<std::uint64_t>(elements(), 1);
    if (configuration_.variant != "overlapped" || all * sizeof(T) < 2 * kSmallestChunk) {
      cut(all);
      return;
    }
    std::uint64_t& best =
        known[fmt::format("{}/{}/{}/{}", configuration_.device, configuration_.workload->name,
                          name(configuration_.type), elements())];
    if (best == 0) {
      Nanoseconds least{std::numeric_limits<double>::max()};
      for (std::uint64_t bytes = kSmallestChunk; bytes <= kLargestChunk && bytes < all * sizeof(T);
           bytes *= 2) {
        const std::uint64_t chunk = ceil_div(bytes / sizeof(T), granularity) * granularity;
        cut(chunk);
        run();  // CUDA loads code when it is first launched
        for (int i = 0; i < 3; ++i) {
          const Nanoseconds taken = HostClockedOperation::time(1);
          if (taken >= least) continue;
          least = taken;
          best = chunk;
        }
      }
    }
    cut(best);
  }

  void copy_in(const Stream& stream, std::uint64_t first, std::uint64_t count) const {
    copy(stream, data_.data() + first, host().data() + first, count, cudaMemcpyHostToDevice);
  }
  void copy_out(const Stream& stream, std::uint64_t first, std::uint64_t count) const {
    copy(stream, host().data() + first, data_.data() + first, count, cudaMemcpyDeviceToHost);
  }
  const Stream& stream_of(std::size_t chunk) const { return streams_[chunk % streams_.size()]; }

  /// The first stream goes on when all have come this far.
  void join() const {
    for (std::size_t i = 1; i < streams_.size(); ++i) {
      done_[i].record(streams_[i]);
      gpu_.device.check(cudaStreamWaitEvent(streams_[0].get(), done_[i].get(), 0),
                        "waiting for a stream");
    }
  }
  void wait() const {
    for (const Stream& stream : streams_) stream.synchronize();
  }

  Configuration configuration_;
  std::vector<int> cpus_;
  Gpu& gpu_;
  std::vector<Stream> streams_;

 private:
  void copy(const Stream& stream, T* to, const T* from, std::uint64_t count,
            cudaMemcpyKind kind) const {
    gpu_.device.check(cudaMemcpyAsync(to, from, count * sizeof(T), kind, stream.get()),
                      "copying between host and device");
  }

  Observer observer_;
  std::unique_ptr<HostArray<T>> host_;
  DeviceArray<T> data_;
  std::vector<Event> done_;
};

template <class T>
class OffloadedDouble final : public OffloadOperation<T> {
 public:
  OffloadedDouble(const Configuration& configuration, std::vector<int> cpus, Gpu& gpu,
                  ChunkSizes& chunks)
      : OffloadOperation<T>(configuration, std::move(cpus), gpu) {
    fill(0);
    this->choose_chunks(chunks, 16 / sizeof(T));
    run();
  }
  void renew(std::uint32_t salt) override {
    salt_ = salt;
    doublings_ = 0;
    fill(salt);
    this->gpu_.warm_up.run();
  }
  std::int64_t operations_left() const override {
    return doubling::operations_per_input<T>() - doublings_;
  }
  Verdict verify() override {
    return doubling::verify<T>(this->host(), salt_, doublings_, this->cpus_);
  }

 private:
  struct Chunk {
    std::uint64_t first;
    std::uint64_t count;
    std::unique_ptr<Work> work;
  };

  void before(std::int64_t operations) override { doublings_ += operations; }
  void fill(std::uint32_t salt) {
    parallel_over(this->elements(), this->cpus_, [&](std::uint64_t first, std::uint64_t count) {
      doubling::fill<T>(this->host().subspan(first, count), first, salt);
    });
  }
  void cut(std::uint64_t elements) override {
    chunks_.clear();
    for (std::uint64_t first = 0; first < this->elements(); first += elements) {
      const std::uint64_t count = std::min(elements, this->elements() - first);
      const Target target{this->gpu_.device.properties().multiprocessors, this->gpu_.bulk,
                          count * sizeof(T), false};
      chunks_.push_back(
          {first, count,
           make_double<T>(this->gpu_.device, best_step(*this->configuration_.workload, target),
                          this->device_data() + first, count)});
    }
  }
  void run() override {
    for (std::size_t i = 0; i < chunks_.size(); ++i) {
      const auto& [first, count, work] = chunks_[i];
      const Stream& stream = this->stream_of(i);
      this->copy_in(stream, first, count);
      work->enqueue(stream, 1);
      this->copy_out(stream, first, count);
    }
    this->wait();
  }

  std::vector<Chunk> chunks_;
  std::uint32_t salt_ = 0;
  std::int64_t doublings_ = 0;
};

template <class T>
class OffloadedSum final : public OffloadOperation<T> {
 public:
  OffloadedSum(const Configuration& configuration, std::vector<int> cpus, Gpu& gpu,
               ChunkSizes& chunks)
      : OffloadOperation<T>(configuration, std::move(cpus), gpu),
        work_(make_segmented_sum<T>(gpu.device, this->device_data(), this->elements())) {
    fill(0);
    this->choose_chunks(chunks, work_->granularity());
    run();
  }
  void renew(std::uint32_t salt) override {
    salt_ = salt;
    fill(salt);
    this->gpu_.warm_up.run();
  }
  Verdict verify() override {
    return reduction::verify<T>(work_->sum(), this->elements(), salt_, work_->rounding(),
                                this->cpus_);
  }

 private:
  void before(std::int64_t) override { work_->poison(); }
  void fill(std::uint32_t salt) {
    parallel_over(this->elements(), this->cpus_, [&](std::uint64_t first, std::uint64_t count) {
      reduction::fill<T>(this->host().subspan(first, count), first, salt);
    });
  }
  void cut(std::uint64_t elements) override { chunk_ = elements; }
  void run() override {
    std::size_t index = 0;
    std::uint64_t first = 0;
    do {
      const std::uint64_t count = std::min(chunk_, this->elements() - first);
      const Stream& stream = this->stream_of(index++);
      if (count > 0) this->copy_in(stream, first, count);
      work_->enqueue_part(stream, first, count);
      first += count;
    } while (first < this->elements());
    this->join();
    work_->enqueue_finish(this->streams_[0]);
    this->streams_[0].synchronize();
  }

  std::unique_ptr<SegmentedSum<T>> work_;
  std::uint64_t chunk_ = 0;
  std::uint32_t salt_ = 0;
};

}  // namespace

std::unique_ptr<Operation> make_offload_operation(const Configuration& configuration,
                                                  const std::vector<int>& cpus, Gpu& gpu,
                                                  ChunkSizes& chunks) {
  return with_type(
      configuration.type, [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Operation> {
        if (configuration.workload->name == "double") {
          return std::make_unique<OffloadedDouble<T>>(configuration, cpus, gpu, chunks);
        }
        return std::make_unique<OffloadedSum<T>>(configuration, cpus, gpu, chunks);
      });
}

}  // namespace crossover::gpu
