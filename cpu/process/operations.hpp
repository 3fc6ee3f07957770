#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/loops.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

/// The workloads on arrays, by processes: the slices and the loops of all CPU models. (`Work` is
/// the class of the loops that workers run; the tests have faulty ones.)
namespace crossover::cpu {

/// What the operations have in common: arrays in a `Memory` each, their input and their reference.
template <class Memory, class Work>
class ProcessOperation : public HostClockedOperation {
 public:
  std::int64_t operations_left() const override {
    return reference_->operations_per_input() - done_;
  }

  Nanoseconds time(std::int64_t operations) override {
    done_ += operations;
    if (configuration_.cache == Cache::warm) return HostClockedOperation::time(operations);
    return time_each(
        operations, [this] { this->run(); }, [this] { cool_all(); });
  }

  Verdict verify() override {
    const std::uint64_t elements = configuration_.elements;
    if (work_.is_sum()) {
      return reference_->verify_sum(sum_, elements, salt_, work_.rounding(), allowed_);
    }
    return reference_->verify_map(memory_.front().data(), 0, elements, salt_, done_, allowed_);
  }

 protected:
  ProcessOperation(const Configuration& configuration, const Placement& placement,
                   std::vector<Memory> memory)
      : configuration_(configuration),
        element_bytes_(size_of(configuration.type)),
        memory_(std::move(memory)),
        slices_(configuration, starts(memory_)),
        work_(*configuration.workload, configuration.type),
        reference_(make_reference(*configuration.workload, configuration.type)),
        allowed_(placement.allowed) {}

  /// `make(bytes)` for each array.
  template <class Make>
  static std::vector<Memory> allocate(const Configuration& configuration, Make&& make) {
    std::vector<Memory> all;
    for (int array = 0; array < configuration.workload->arrays; ++array) {
      all.push_back(make(configuration.elements * size_of(configuration.type)));
    }
    return all;
  }

  /// Removes all data from the caches.
  virtual void cool_all() = 0;

  void renewed(std::uint32_t salt) {
    salt_ = salt;
    done_ = 0;
  }

  Configuration configuration_;
  std::size_t element_bytes_;
  std::vector<Memory> memory_;  // by array
  Slices slices_;
  Work work_;
  std::unique_ptr<Reference> reference_;
  Total sum_{};

 private:
  static std::vector<char*> starts(const std::vector<Memory>& memory) {
    std::vector<char*> all;
    for (const Memory& one : memory) all.push_back(static_cast<char*>(one.data()));
    return all;
  }

  std::vector<int> allowed_;
  std::uint32_t salt_ = 0;
  std::int64_t done_ = 0;  // operations on this input
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
            this->allocate(configuration,
                           [backing](std::size_t bytes) { return SharedMemory(bytes, backing); })),
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
    const Slices::Part& part = this->slices_.of(worker);
    switch (order.task) {
      case Order::Task::touch:
        for (const SharedMemory& memory : this->memory_) {
          memory.first_touch(part.slice.first * this->element_bytes_, part.bytes);
        }
        break;
      case Order::Task::fill:
        fill(*this->reference_, part, order.salt);
        break;
      case Order::Task::cool:
        cool(part);
        break;
      case Order::Task::work:
        if (this->work_.is_sum()) {
          partials_[static_cast<std::size_t>(worker)].sum =
              this->work_.sum(part.at.data(), part.slice.size);
        } else {
          this->work_.map(part.at.data(), part.slice.size);
        }
        break;
    }
  }

  void cool_all() override { crew_->run({Order::Task::cool, 0}); }

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
      : ProcessOperation<Buffer, Work>(
            configuration, placement,
            this->allocate(configuration, [](std::size_t bytes) { return Buffer(bytes); })),
        first_read_(static_cast<std::size_t>(configuration.workload->first_read)),
        chunk_bytes_(chunk_bytes(kind)),
        chunk_(this->memory_.size() * chunk_bytes_),
        farm_(configuration.workers, placement, kind, [this](int worker, WorkerEnd& end) {
          serve(this->slices_.of(worker).slice.size, end);
        }) {}

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    for (const Slices::Part& part : this->slices_.all()) fill(*this->reference_, part, salt);
  }

  std::vector<int> processes() const override { return farm_.processes(); }

 private:
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

  void cool_all() override {
    for (const Slices::Part& part : this->slices_.all()) cool(part);
  }

  void run() override {
    const bool is_sum = this->work_.is_sum();
    for (int worker = 0; worker < this->configuration_.workers; ++worker) {
      Slices::Part& part = this->slices_.of(worker);
      part.sum = this->work_.zero();
      if (part.bytes == 0) continue;
      farm_.give(worker,
                 Cargo(std::span(part.at).first(this->memory_.size()).subspan(first_read_),
                       part.bytes, chunk_bytes_),
                 is_sum ? std::as_writable_bytes(std::span(&part.sum, 1))
                        : std::span(static_cast<std::byte*>(part.at[0]), part.bytes));
    }
    farm_.exchange();
    if (!is_sum) return;
    this->sum_ = this->work_.zero();
    for (const Slices::Part& part : this->slices_.all()) this->work_.add(this->sum_, part.sum);
  }

  std::size_t first_read_;
  std::size_t chunk_bytes_;
  Buffer chunk_;  // each worker has a copy of its own as soon as it writes there
  Farm farm_;
};

}  // namespace crossover::cpu
