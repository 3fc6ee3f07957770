#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/doubling.hpp"
#include "common/model.hpp"
#include "common/reduction.hpp"
#include "cpu/loops.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/shared_memory.hpp"

/// The workloads on an array, by processes: the slices and loop bodies of all CPU models.
namespace crossover::cpu {

/// The loop bodies that workers run; the tests have faulty ones.
struct SharedLoops {
  template <class T>
  static void double_in_place(std::span<T> part) {
    loops::double_in_place(part);
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> part) {
    return loops::sum(part);
  }
};

/// What the operations have in common: `double` or `reduce`, their input and their reference.
template <class T>
class ProcessOperation : public HostClockedOperation {
 public:
  ProcessOperation(const Configuration& configuration, const Placement& placement)
      : doubles_(configuration.workload->name == "double"), allowed_(placement.allowed) {
    for (int worker = 0; worker < configuration.workers; ++worker) {
      slices_.push_back(slice_of(configuration.elements, sizeof(T), worker, configuration.workers));
    }
  }

  std::int64_t operations_left() const override {
    return doubles_ ? doubling::operations_per_input<T>() - doublings_ : kUnlimited;
  }

  Nanoseconds time(std::int64_t operations) override {
    doublings_ += operations;
    return HostClockedOperation::time(operations);
  }

 protected:
  void renewed(std::uint32_t salt) {
    salt_ = salt;
    doublings_ = 0;
  }
  void fill(std::span<T> part, std::uint64_t first, std::uint32_t salt) const {
    if (doubles_) {
      doubling::fill<T>(part, first, salt);
    } else {
      reduction::fill<T>(part, first, salt);
    }
  }
  Verdict check(std::span<const T> data, SumOf<T> sum) const {
    if (doubles_) return doubling::verify<T>(data, salt_, doublings_, allowed_);
    return reduction::verify<T>(sum, data.size(), salt_, loops::kSumRounding<T>, allowed_);
  }
  Slice slice(int worker) const { return slices_[static_cast<std::size_t>(worker)]; }

  const bool doubles_;

 private:
  std::vector<int> allowed_;
  std::vector<Slice> slices_;  // by worker
  std::uint32_t salt_ = 0;
  std::int64_t doublings_ = 0;
};

/// On memory that all workers share: nothing is copied.
template <class T, class Loops = SharedLoops>
class SharedOperation final : public ProcessOperation<T> {
 public:
  using MakeCrew = std::unique_ptr<Crew> (*)(int workers, const Placement&, Perform);

  SharedOperation(const Configuration& configuration, const Placement& placement,
                  SharedMemory::Backing backing, MakeCrew make_crew)
      : ProcessOperation<T>(configuration, placement),
        memory_(configuration.elements * sizeof(T), backing),
        data_(static_cast<T*>(memory_.data()), configuration.elements),
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

  Verdict verify() override { return this->check(data_, sum_); }

  std::vector<int> processes() const override { return crew_->processes(); }

 private:
  // A worker writes its own only: no two share a line.
  struct alignas(kLinePair) Partial {
    SumOf<T> sum;
  };

  void perform(int worker, Order order) {
    const Slice slice = this->slice(worker);
    const std::span<T> part = data_.subspan(slice.first, slice.size);
    switch (order.task) {
      case Order::Task::touch:
        memory_.first_touch(slice.first * sizeof(T), slice.size * sizeof(T));
        break;
      case Order::Task::fill:
        this->fill(part, slice.first, order.salt);
        break;
      case Order::Task::work:
        if (this->doubles_) {
          Loops::double_in_place(part);
        } else {
          partials_[static_cast<std::size_t>(worker)].sum = Loops::sum(std::span<const T>(part));
        }
        break;
    }
  }

  void run() override {
    crew_->run({Order::Task::work, 0});
    if (this->doubles_) return;
    loops::Wrapping<SumOf<T>> total{};
    for (const Partial& partial : partials_) total += partial.sum;
    sum_ = static_cast<SumOf<T>>(total);
  }

  SharedMemory memory_;
  std::span<T> data_;
  SharedMemory partials_memory_;
  std::span<Partial> partials_;  // by worker
  SumOf<T> sum_{};
  std::unique_ptr<Crew> crew_;
};

/// By messages: the caller holds the data, sends each worker its slice and takes the result back,
/// `double` the doubled slice, `reduce` the sum. Workers work on a chunk at a time, as it comes.
template <class T, class Loops = SharedLoops>
class ChannelOperation final : public ProcessOperation<T> {
 public:
  ChannelOperation(const Configuration& configuration, const Placement& placement, ChannelKind kind)
      : ProcessOperation<T>(configuration, placement),
        data_(configuration.elements),
        sums_(static_cast<std::size_t>(configuration.workers)),
        chunk_(chunk_bytes(kind)),
        farm_(configuration.workers, placement, kind,
              [this](int worker, WorkerEnd& end) { serve(this->slice(worker).size, end); }) {}

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    this->fill(data_.all(), 0, salt);
  }

  Verdict verify() override { return this->check(data_.all(), sum_); }

  std::vector<int> processes() const override { return farm_.processes(); }

 private:
  /// A worker, until the channel is closed.
  void serve(std::uint64_t elements, WorkerEnd& end) {
    const std::uint64_t most = chunk_.size() / sizeof(T);
    const std::span<T> chunk(reinterpret_cast<T*>(chunk_.all().data()), most);
    for (;;) {
      loops::Wrapping<SumOf<T>> total{};
      for (std::uint64_t done = 0; done < elements;) {
        const std::span<T> part = chunk.first(std::min(most, elements - done));
        if (!end.receive(std::as_writable_bytes(part))) return;
        done += part.size();
        if (this->doubles_) {
          Loops::double_in_place(part);
          if (!end.send(std::as_bytes(part))) return;
        } else {
          total += Loops::sum(std::span<const T>(part));
        }
      }
      if (elements == 0) {
        // Nothing ever comes: until the channel is closed.
        end.receive(std::as_writable_bytes(chunk.first(1)));
        return;
      }
      if (this->doubles_) continue;
      const auto sum = static_cast<SumOf<T>>(total);
      if (!end.send(std::as_bytes(std::span(&sum, 1)))) return;
    }
  }

  void run() override {
    for (int worker = 0; worker < static_cast<int>(sums_.size()); ++worker) {
      const Slice slice = this->slice(worker);
      const std::span<T> part = data_.all().subspan(slice.first, slice.size);
      auto& sum = sums_[static_cast<std::size_t>(worker)];
      sum = {};
      if (part.empty()) continue;
      farm_.give(worker, std::as_bytes(part),
                 this->doubles_ ? std::as_writable_bytes(part)
                                : std::as_writable_bytes(std::span(&sum, 1)));
    }
    farm_.exchange();
    if (this->doubles_) return;
    loops::Wrapping<SumOf<T>> total{};
    for (const auto sum : sums_) total += sum;
    sum_ = static_cast<SumOf<T>>(total);
  }

  Array<T> data_;
  std::vector<SumOf<T>> sums_;  // by worker
  SumOf<T> sum_{};
  Array<std::byte> chunk_;  // each worker has a copy of its own as soon as it writes there
  Farm farm_;
};

}  // namespace crossover::cpu
