#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "cpu/loops.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

/// The workloads on arrays, by processes: the slices and the loops of all CPU models. (`Work` is
/// the class of the loops that workers run; the tests have faulty ones.)
namespace crossover::cpu {

/// On memory that all workers share: nothing is copied.
template <class Work = Loops>
class SharedOperation final : public OnArrays<SharedMemory, Work> {
 public:
  using MakeCrew = std::unique_ptr<Crew> (*)(int workers, const Placement&, Perform);

  SharedOperation(const Configuration& configuration, const Placement& placement,
                  SharedMemory::Backing backing, MakeCrew make_crew)
      : Base(configuration, placement,
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

  Nanoseconds time(std::int64_t operations) override {
    return this->timed(
        operations, [this] { run(); },
        [this] {
          crew_->run({Order::Task::cool, 0});
        });
  }

  std::vector<int> processes() const override { return crew_->processes(); }

 private:
  using Base = OnArrays<SharedMemory, Work>;
  using Base::loops_;
  using Base::slices_;

  // A worker writes its own only: no two share a line.
  struct alignas(kLinePair) Partial {
    Total sum;
  };

  void perform(int worker, Order order) {
    const Slices::Part& part = slices_.of(worker);
    switch (order.task) {
      case Order::Task::touch:
        for (const SharedMemory& memory : this->memory_) {
          memory.first_touch(part.slice.first * this->element_bytes(), part.bytes);
        }
        break;
      case Order::Task::fill:
        fill(*this->reference_, part, order.salt);
        break;
      case Order::Task::cool:
        cool(part);
        break;
      case Order::Task::work:
        if (loops_.is_sum()) {
          partials_[static_cast<std::size_t>(worker)].sum =
              loops_.sum(part.at.data(), part.slice.size);
        } else {
          loops_.map(part.at.data(), part.slice.size);
        }
        break;
    }
  }

  void run() {
    crew_->run({Order::Task::work, 0});
    if (loops_.is_sum()) this->add_up(partials_);
  }

  SharedMemory partials_memory_;
  std::span<Partial> partials_;  // by worker
  std::unique_ptr<Crew> crew_;
};

/// By messages: the caller holds the data, sends each worker its part of what is read and takes
/// back what was written, or the sum. Workers work on a chunk at a time, as it comes.
template <class Work = Loops>
class ChannelOperation final : public OnArrays<Buffer, Work> {
 public:
  ChannelOperation(const Configuration& configuration, const Placement& placement, ChannelKind kind)
      : Base(configuration, placement, [](std::size_t bytes) { return Buffer(bytes); }),
        first_read_(static_cast<std::size_t>(configuration.workload->first_read)),
        chunk_bytes_(chunk_bytes(kind)),
        chunk_(memory_.size() * chunk_bytes_),
        farm_(configuration.workers, placement, kind,
              [this](int worker, WorkerEnd& end) { serve(slices_.of(worker).slice.size, end); }) {}

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    for (const Slices::Part& part : slices_.all()) fill(*this->reference_, part, salt);
  }

  Nanoseconds time(std::int64_t operations) override {
    return this->timed(
        operations, [this] { run(); },
        [this] {
          for (const Slices::Part& part : slices_.all()) cool(part);
        });
  }

  std::vector<int> processes() const override { return farm_.processes(); }

 private:
  using Base = OnArrays<Buffer, Work>;
  using Base::loops_;
  using Base::memory_;
  using Base::slices_;

  /// A worker, until the channel is closed.
  void serve(std::uint64_t elements, WorkerEnd& end) {
    std::array<void*, kMostArrays> chunk{};
    for (std::size_t array = 0; array < memory_.size(); ++array) {
      chunk[array] = static_cast<std::byte*>(chunk_.data()) + array * chunk_bytes_;
    }
    const auto bytes = [&](std::size_t array, std::uint64_t count) {
      return std::span(static_cast<std::byte*>(chunk[array]), count * this->element_bytes());
    };
    if (elements == 0) {
      end.receive(bytes(0, 1));  // which never comes: until the channel is closed
      return;
    }
    for (;;) {
      Total total = loops_.zero();
      for (std::uint64_t done = 0; done < elements;) {
        const std::uint64_t count = std::min(chunk_bytes_ / this->element_bytes(), elements - done);
        for (std::size_t array = first_read_; array < memory_.size(); ++array) {
          if (!end.receive(bytes(array, count))) return;
        }
        done += count;
        if (loops_.is_sum()) {
          loops_.add(total, loops_.sum(chunk.data(), count));
        } else {
          loops_.map(chunk.data(), count);
          if (!end.send(bytes(0, count))) return;
        }
      }
      if (loops_.is_sum() && !end.send(std::as_bytes(std::span(&total, 1)))) return;
    }
  }

  void run() {
    const bool is_sum = loops_.is_sum();
    for (int worker = 0; worker < this->configuration_.workers; ++worker) {
      Slices::Part& part = slices_.of(worker);
      part.sum = loops_.zero();
      if (part.bytes == 0) continue;
      farm_.give(worker,
                 Cargo(std::span(part.at).first(memory_.size()).subspan(first_read_), part.bytes,
                       chunk_bytes_),
                 is_sum ? std::as_writable_bytes(std::span(&part.sum, 1))
                        : std::span(static_cast<std::byte*>(part.at[0]), part.bytes));
    }
    farm_.exchange();
    if (is_sum) this->add_up(slices_.all());
  }

  std::size_t first_read_;
  std::size_t chunk_bytes_;
  Buffer chunk_;  // each worker has a copy of its own as soon as it writes there
  Farm farm_;
};

}  // namespace crossover::cpu
