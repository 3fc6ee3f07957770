#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/doubling.hpp"
#include "common/model.hpp"
#include "common/reduction.hpp"
#include "cpu/loops.hpp"

/// The workloads on CPU workers: one function a workload, for every model.
///
/// A model brings its way to parallelise as a *team*, a class with
///
///     Team(int workers, const Placement&)       starts and binds the workers; throws Unavailable
///     template <class Body> void run(Body&& body)   body(worker) once for each worker, and waits
///
/// run() is inside the clock; the loop bodies, the slices, where data lies and who touches it first
/// are here and so are the same for all. Two things a team may have besides:
///
///     template <class Work> void within(Work&& work)   calls work() where run() may be called
///     double_in_place(span), sum(span)                 a library's own versions, on all of the
///     data
namespace crossover::cpu {

/// What the workloads on an array have in common. `Derived` has run().
template <class T, class Team>
class ArrayOperation : public HostClockedOperation {
 public:
  ArrayOperation(const Configuration& configuration, const Placement& placement)
      : allowed_(placement.allowed),
        team_(configuration.workers, placement),
        data_(configuration.elements) {
    for (int worker = 0; worker < configuration.workers; ++worker) {
      slices_.push_back(slice_of(data_.size(), sizeof(T), worker, configuration.workers));
    }
  }

  Nanoseconds time(std::int64_t operations) override {
    Nanoseconds taken{};
    within([&] { taken = HostClockedOperation::time(operations); });
    return taken;
  }

 protected:
  /// `body(part, first, worker)` for each worker's part of the data, by that worker.
  template <class Body>
  void each_slice(Body&& body) {
    team_.run([&](int worker) {
      const Slice slice = slices_[static_cast<std::size_t>(worker)];
      body(data_.all().subspan(slice.first, slice.size), slice.first, worker);
    });
  }

  template <class Work>
  void within(Work&& work) {
    if constexpr (requires { team_.within(work); }) {
      team_.within(work);
    } else {
      work();
    }
  }

  std::vector<int> allowed_;
  Team team_;
  Array<T> data_;
  std::vector<Slice> slices_;  // by worker
  std::uint32_t salt_ = 0;
};

template <class T, class Team>
class DoubleOperation final : public ArrayOperation<T, Team> {
 public:
  using ArrayOperation<T, Team>::ArrayOperation;

  void renew(std::uint32_t salt) override {
    this->salt_ = salt;
    doublings_ = 0;
    this->within([&] {
      this->each_slice([salt](std::span<T> part, std::uint64_t first, int) {
        doubling::fill<T>(part, first, salt);
      });
    });
  }

  std::int64_t operations_left() const override {
    return doubling::operations_per_input<T>() - doublings_;
  }

  Nanoseconds time(std::int64_t operations) override {
    doublings_ += operations;
    return ArrayOperation<T, Team>::time(operations);
  }

  Verdict verify() override {
    return doubling::verify<T>(this->data_.all(), this->salt_, doublings_, this->allowed_);
  }

 private:
  void run() override {
    if constexpr (requires(Team team, std::span<T> all) { team.double_in_place(all); }) {
      this->team_.double_in_place(this->data_.all());
    } else {
      this->each_slice([](std::span<T> part, std::uint64_t, int) { loops::double_in_place(part); });
    }
  }

  std::int64_t doublings_ = 0;
};

template <class T, class Team>
class ReduceOperation final : public ArrayOperation<T, Team> {
 public:
  ReduceOperation(const Configuration& configuration, const Placement& placement)
      : ArrayOperation<T, Team>(configuration, placement),
        partials_(static_cast<std::size_t>(configuration.workers)) {}

  void renew(std::uint32_t salt) override {
    this->salt_ = salt;
    this->within([&] {
      this->each_slice([salt](std::span<T> part, std::uint64_t first, int) {
        reduction::fill<T>(part, first, salt);
      });
    });
  }

  Verdict verify() override {
    return reduction::verify<T>(sum_, this->data_.size(), this->salt_, loops::kSumRounding<T>,
                                this->allowed_);
  }

 private:
  // A worker writes its own only: no two share a line.
  struct alignas(kLinePair) Partial {
    SumOf<T> sum;
  };

  void run() override {
    if constexpr (requires(Team team, std::span<const T> all) { team.sum(all); }) {
      sum_ = this->team_.sum(std::span<const T>(this->data_.all()));
    } else {
      this->each_slice([this](std::span<const T> part, std::uint64_t, int worker) {
        partials_[static_cast<std::size_t>(worker)].sum = loops::sum(part);
      });
      loops::Wrapping<SumOf<T>> total{};
      for (const Partial& partial : partials_) total += partial.sum;
      sum_ = static_cast<SumOf<T>>(total);
    }
  }

  std::vector<Partial> partials_;
  SumOf<T> sum_{};
};

/// The operation of a workload on an array, on a `Team`. Throws std::invalid_argument for another
/// workload.
template <class Team>
std::unique_ptr<Operation> make_operation(const Configuration& configuration,
                                          const Placement& placement) {
  return with_type(configuration.type,
                   [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Operation> {
                     if (configuration.workload->name == "double") {
                       return std::make_unique<DoubleOperation<T, Team>>(configuration, placement);
                     }
                     if (configuration.workload->name == "reduce") {
                       return std::make_unique<ReduceOperation<T, Team>>(configuration, placement);
                     }
                     throw std::invalid_argument(std::string(configuration.workload->name) +
                                                 " is no workload on an array");
                   });
}

/// What a worker takes where there is no array: its stack's and its allocator's first pages, and
/// the kernel's stack.
inline constexpr std::uint64_t kWorkerBytes = 64 * 1024;

/// What every CPU model answers alike: device "cpu", workers from `--threads`, one buffer.
class ThreadedModel : public Model {
 public:
  std::vector<std::pair<std::string, std::vector<int>>> workers(
      const Sweeps& sweeps) const override {
    return {{"cpu", sweeps.threads}};
  }
  std::uint64_t host_bytes(const Configuration& configuration) const override {
    if (!configuration.workload->moves_data()) {
      return static_cast<std::uint64_t>(configuration.workers) * kWorkerBytes;
    }
    return Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
  }
};

/// Binds the calling thread, as worker 0 of a team, for as long as the team lives.
class CallerBinding {
 public:
  explicit CallerBinding(const Placement& placement);
  CallerBinding(const CallerBinding&) = delete;
  CallerBinding& operator=(const CallerBinding&) = delete;
  ~CallerBinding();

 private:
  std::vector<int> allowed_;
};

/// Binds the calling thread as worker `worker`: to its CPU, or to all allowed ones when workers are
/// not pinned (a new thread otherwise inherits whatever its creator is bound to).
void bind_worker(const Placement& placement, int worker);

/// Lets the calling thread use all `allowed` CPUs again; never throws.
void unbind(const std::vector<int>& allowed);

}  // namespace crossover::cpu
