#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/cold.hpp"
#include "common/model.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/loops.hpp"
#include "cpu/process/channel.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

/// The workloads on arrays, by processes: the slices and the loops of all CPU models. (`Work` is the
/// class of the loops that workers run; the tests have faulty ones.)
namespace crossover::cpu {

/// What the operations have in common: arrays in a `Memory` each, their input and their reference.
template <class Memory, class Work>
class ProcessOperation : public HostClockedOperation {
 public:
  /// `allocate(bytes)` makes one array's memory.
  template <class Allocate>
  ProcessOperation(const Configuration& configuration, const Placement& placement,
                   Allocate&& allocate)
      : workload_(*configuration.workload),
        element_bytes_(size_of(configuration.type)),
        work_(workload_, configuration.type),
        reference_(make_reference(workload_, configuration.type)),
        elements_(configuration.elements),
        cold_(configuration.cache == Cache::cold),
        allowed_(placement.allowed),
        parts_(static_cast<std::size_t>(configuration.workers)) {
    for (int array = 0; array < workload_.arrays; ++array) {
      memory_.push_back(allocate(elements_ * element_bytes_));
    }
    for (int worker = 0; worker < configuration.workers; ++worker) {
      Part& part = parts_[static_cast<std::size_t>(worker)];
      part.slice = slice_of(elements_, element_bytes_, worker, configuration.workers);
      for (std::size_t array = 0; array < memory_.size(); ++array) {
        part.arrays[array] =
            static_cast<std::byte*>(memory_[array].data()) + part.slice.first * element_bytes_;
      }
    }
  }

  std::int64_t operations_left() const override {
    return reference_->operations_per_input() - operations_;
  }

  Nanoseconds time(std::int64_t operations) override {
    operations_ += operations;
    if (!cold_) return HostClockedOperation::time(operations);
    return time_each(
        operations, [this] { this->run(); }, [this] { cool(); });
  }

  Verdict verify() override {
    if (work_.is_sum()) {
      return reference_->verify_sum(sum_, elements_, salt_, work_.rounding(), allowed_);
    }
    return reference_->verify_map(memory_.front().data(), 0, elements_, salt_, operations_,
                                  allowed_);
  }

 protected:
  /// A worker's part of each array.
  struct Part {
    std::array<void*, kMostArrays> arrays{};
    Slice slice;
  };

  /// Removes all data from the caches.
  virtual void cool() = 0;

  void renewed(std::uint32_t salt) {
    salt_ = salt;
    operations_ = 0;
  }
  const Part& part(int worker) const { return parts_[static_cast<std::size_t>(worker)]; }
  std::size_t part_bytes(const Part& part) const { return part.slice.size * element_bytes_; }
  /// `body(array, data)` for each array of a part.
  template <class Body>
  void each_array(const Part& part, Body&& body) const {
    for (int array = 0; array < workload_.arrays; ++array) {
      body(array, part.arrays[static_cast<std::size_t>(array)]);
    }
  }
  void fill(const Part& part, std::uint32_t salt) const {
    each_array(part, [&](int array, void* data) {
      reference_->fill(array, data, part.slice.first, part.slice.size, salt);
    });
  }
  void cool(const Part& part) const {
    each_array(part, [&](int, void* data) { remove_from_caches(data, part_bytes(part)); });
  }

  const Workload& workload_;
  const std::size_t element_bytes_;
  Work work_;
  std::unique_ptr<Reference> reference_;
  std::vector<Memory> memory_;  // by array
  Total sum_{};

 private:
  std::uint64_t elements_;
  bool cold_;
  std::vector<int> allowed_;
  std::vector<Part> parts_;  // by worker
  std::uint32_t salt_ = 0;
  std::int64_t operations_ = 0;
};

/// On memory that all workers share: nothing is copied.
template <class Work = Loops>
class SharedOperation final : public ProcessOperation<SharedMemory, Work> {
 public:
  using MakeCrew = std::unique_ptr<Crew> (*)(int workers, const Placement&, Perform);

  SharedOperation(const Configuration& configuration, const Placement& placement,
                  SharedMemory::Backing backing, MakeCrew make_crew)
      : ProcessOperation<SharedMemory, Work>(
            configuration, placement,
            [backing](std::size_t bytes) { return SharedMemory(bytes, backing); }),
        partials_memory_(static_cast<std::size_t>(configuration.workers) * sizeof(Partial),
                         SharedMemory::Backing::memory),
        partials_(static_cast<Partial*>(partials_memory_.data()),
                  static_cast<std::size_t>(configuration.workers)),
        // Last: the workers know what is there when they are forked.
        crew_(make_crew(configuration.workers, placement,
                        [this](int worker, Order order) { perform(worker, order); })) {
    crew_->run({Order::Task::touch, 0});
  }

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    crew_->run({Order::Task::fill, salt});
  }

  std::vector<int> processes() const override { return crew_->processes(); }

 private:
  // A worker writes its own only: no two share a line.
  struct alignas(kLinePair) Partial {
    Total sum;
  };

  void perform(int worker, Order order) {
    const auto& part = this->part(worker);
    switch (order.task) {
      case Order::Task::touch:
        for (const SharedMemory& memory : this->memory_) {
          memory.first_touch(part.slice.first * this->element_bytes_, this->part_bytes(part));
        }
        break;
      case Order::Task::fill:
        this->fill(part, order.salt);
        break;
      case Order::Task::cool:
        ProcessOperation<SharedMemory, Work>::cool(part);
        break;
      case Order::Task::work:
        if (this->work_.is_sum()) {
          partials_[static_cast<std::size_t>(worker)].sum =
              this->work_.sum(part.arrays.data(), part.slice.size);
        } else {
          this->work_.map(part.arrays.data(), part.slice.size);
        }
        break;
    }
  }

  void cool() override { crew_->run({Order::Task::cool, 0}); }

  void run() override {
    crew_->run({Order::Task::work, 0});
    if (!this->work_.is_sum()) return;
    this->sum_ = this->work_.zero();
    for (const Partial& partial : partials_) this->work_.add(this->sum_, partial.sum);
  }

  SharedMemory partials_memory_;
  std::span<Partial> partials_;  // by worker
  std::unique_ptr<Crew> crew_;
};

/// By messages: the caller holds the data, sends each worker its part of what is read and takes
/// back what was written, or the sum. Workers work on a chunk at a time, as it comes.
template <class Work = Loops>
class ChannelOperation final : public ProcessOperation<Buffer, Work> {
 public:
  ChannelOperation(const Configuration& configuration, const Placement& placement, ChannelKind kind)
      : ProcessOperation<Buffer, Work>(configuration, placement,
                                       [](std::size_t bytes) { return Buffer(bytes); }),
        first_read_(static_cast<std::size_t>(this->workload_.first_read)),
        chunk_bytes_(chunk_bytes(kind)),
        chunk_(this->memory_.size() * chunk_bytes_),
        sums_(static_cast<std::size_t>(configuration.workers)),
        farm_(configuration.workers, placement, kind,
              [this](int worker, WorkerEnd& end) { serve(this->part(worker).slice.size, end); }) {}

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    for (int worker = 0; worker < workers(); ++worker) this->fill(this->part(worker), salt);
  }

  std::vector<int> processes() const override { return farm_.processes(); }

 private:
  int workers() const { return static_cast<int>(sums_.size()); }

  /// A worker, until the channel is closed.
  void serve(std::uint64_t elements, WorkerEnd& end) {
    std::array<void*, kMostArrays> chunk{};
    for (std::size_t array = 0; array < this->memory_.size(); ++array) {
      chunk[array] = static_cast<std::byte*>(chunk_.data()) + array * chunk_bytes_;
    }
    const auto bytes = [&](std::size_t array, std::uint64_t count) {
      return std::span(static_cast<std::byte*>(chunk[array]), count * this->element_bytes_);
    };
    if (elements == 0) {
      end.receive(bytes(0, 1));  // which never comes: until the channel is closed
      return;
    }
    for (;;) {
      Total total = this->work_.zero();
      for (std::uint64_t done = 0; done < elements;) {
        const std::uint64_t count = std::min(chunk_bytes_ / this->element_bytes_, elements - done);
        for (std::size_t array = first_read_; array < this->memory_.size(); ++array) {
          if (!end.receive(bytes(array, count))) return;
        }
        done += count;
        if (this->work_.is_sum()) {
          this->work_.add(total, this->work_.sum(chunk.data(), count));
        } else {
          this->work_.map(chunk.data(), count);
          if (!end.send(bytes(0, count))) return;
        }
      }
      if (this->work_.is_sum() && !end.send(std::as_bytes(std::span(&total, 1)))) return;
    }
  }

  void cool() override {
    for (int worker = 0; worker < workers(); ++worker) {
      ProcessOperation<Buffer, Work>::cool(this->part(worker));
    }
  }

  void run() override {
    const bool is_sum = this->work_.is_sum();
    for (int worker = 0; worker < workers(); ++worker) {
      const auto& part = this->part(worker);
      Total& sum = sums_[static_cast<std::size_t>(worker)];
      sum = this->work_.zero();
      const std::size_t bytes = this->part_bytes(part);
      if (bytes == 0) continue;
      const auto read = std::span(part.arrays).first(this->memory_.size()).subspan(first_read_);
      farm_.give(worker, Cargo(read, bytes, chunk_bytes_),
                 is_sum ? std::as_writable_bytes(std::span(&sum, 1))
                        : std::span(static_cast<std::byte*>(part.arrays[0]), bytes));
    }
    farm_.exchange();
    if (!is_sum) return;
    this->sum_ = this->work_.zero();
    for (const Total sum : sums_) this->work_.add(this->sum_, sum);
  }

  std::size_t first_read_;
  std::size_t chunk_bytes_;
  Buffer chunk_;  // each worker has a copy of its own as soon as it writes there
  std::vector<Total> sums_;  // by worker
  Farm farm_;
};

}  // namespace crossover::cpu
