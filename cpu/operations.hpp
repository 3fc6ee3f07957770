#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/cold.hpp"
#include "common/model.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/loops.hpp"

/// The workloads on arrays on CPU workers: one operation for every workload and every model.
///
/// A model brings its way to parallelise as a *team*, a class with
///
///     Team(int workers, const Placement&)       starts and binds the workers; throws Unavailable
///     template <class Body> void run(Body&& body)   body(worker) once for each worker, and waits
///
/// run() is inside the clock; the loop bodies, the slices, where data lies and who touches it first
/// are here and so are the same for all. A team may have besides
///
///     template <class Work> void within(Work&& work)   calls work() where run() may be called
namespace crossover::cpu {

/// The arrays of a workload, and each worker's part of them.
class Slices {
 public:
  Slices(const Configuration& configuration, const std::vector<char*>& arrays) {
    const std::size_t size = size_of(configuration.type);
    for (int worker = 0; worker < configuration.workers; ++worker) {
      const Slice slice = slice_of(configuration.elements, size, worker, configuration.workers);
      Part part;
      part.slice = slice;
      part.arrays = static_cast<int>(arrays.size());
      part.bytes = slice.size * size;
      for (std::size_t i = 0; i < arrays.size(); ++i) part.at[i] = arrays[i] + slice.first * size;
      parts_.push_back(part);
    }
  }

  /// A worker's; its own to write in, on lines that no other worker has.
  struct alignas(kLinePair) Part {
    std::array<void*, kMostArrays> at{};  ///< where its part of each array begins
    Slice slice;
    int arrays = 0;
    std::uint64_t bytes = 0;  ///< of each array
    Total sum{};              ///< of the last operation
  };
  Part& of(int worker) { return parts_[static_cast<std::size_t>(worker)]; }
  std::span<const Part> all() const { return parts_; }

 private:
  std::vector<Part> parts_;
};

/// Writes a worker's part of the input.
inline void fill(const Reference& reference, const Slices::Part& part, std::uint32_t salt) {
  for (int array = 0; array < part.arrays; ++array) {
    reference.fill(array, part.at[static_cast<std::size_t>(array)], part.slice.first,
                   part.slice.size, salt);
  }
}

/// Removes a worker's part from all caches.
inline void cool(const Slices::Part& part) {
  for (int array = 0; array < part.arrays; ++array) {
    remove_from_caches(part.at[static_cast<std::size_t>(array)], part.bytes);
  }
}

/// What all operations on arrays have in common: an array's `Memory`, the input and its reference.
/// `Work` is Loops or has its interface.
template <class Memory, class Work>
class OnArrays : public Operation {
 public:
  std::int64_t operations_left() const override {
    return reference_->operations_per_input() - done_;
  }

  Verdict verify() override {
    const std::uint64_t elements = configuration_.elements;
    if (loops_.is_sum()) {
      return reference_->verify_sum(sum_, elements, salt_, loops_.rounding(), allowed_);
    }
    return reference_->verify_map(memory_.front().data(), 0, elements, salt_, done_, allowed_);
  }

 protected:
  /// `allocate(bytes)` makes one array's memory.
  template <class Allocate>
  OnArrays(const Configuration& configuration, const Placement& placement, Allocate&& allocate)
      : configuration_(configuration),
        loops_(*configuration.workload, configuration.type),
        reference_(make_reference(*configuration.workload, configuration.type)),
        memory_(each_array(configuration, allocate)),
        slices_(configuration, starts(memory_)),
        allowed_(placement.allowed) {}

  std::size_t element_bytes() const { return size_of(configuration_.type); }

  void renewed(std::uint32_t salt) {
    salt_ = salt;
    done_ = 0;
  }

  /// What `operations` calls of `run()` take, with `cool()` before each where caches are to be
  /// cold.
  template <class Run, class Cool>
  Nanoseconds timed(std::int64_t operations, Run&& run, Cool&& cool) {
    done_ += operations;
    if (configuration_.cache == Cache::warm) return time_all(operations, run);
    return time_each(operations, run, cool);
  }

  /// Adds up the sums that are in `parts`.
  template <class Parts>
  void add_up(const Parts& parts) {
    Total total = loops_.zero();
    for (const auto& part : parts) loops_.add(total, part.sum);
    sum_ = total;
  }

  Configuration configuration_;
  Work loops_;
  std::unique_ptr<Reference> reference_;
  std::vector<Memory> memory_;  // by array
  Slices slices_;
  Total sum_{};

 private:
  template <class Allocate>
  static std::vector<Memory> each_array(const Configuration& configuration, Allocate&& allocate) {
    std::vector<Memory> all;
    for (int array = 0; array < configuration.workload->arrays; ++array) {
      all.push_back(allocate(configuration.elements * size_of(configuration.type)));
    }
    return all;
  }
  static std::vector<char*> starts(const std::vector<Memory>& memory) {
    std::vector<char*> all;
    for (const Memory& one : memory) all.push_back(static_cast<char*>(one.data()));
    return all;
  }

  std::vector<int> allowed_;
  std::uint32_t salt_ = 0;
  std::int64_t done_ = 0;  // operations on this input
};

/// A workload on arrays by a team. `Whole`, if any, is a library's own version on all of the data
/// at once, with the interface of Loops.
template <class Team, class Whole = void>
class ArrayOperation final
    : public OnArrays<Buffer, std::conditional_t<std::is_void_v<Whole>, Loops, Whole>> {
 public:
  ArrayOperation(const Configuration& configuration, const Placement& placement)
      : Base(configuration, placement, [](std::size_t bytes) { return Buffer(bytes); }),
        team_(configuration.workers, placement) {}

  void renew(std::uint32_t salt) override {
    this->renewed(salt);
    within([&] { team_.run([&](int worker) { fill(*reference_, slices_.of(worker), salt); }); });
  }

  Nanoseconds time(std::int64_t operations) override {
    Nanoseconds taken{};
    within([&] {
      taken = this->timed(
          operations, [this] { run(); },
          [this] { team_.run([this](int worker) { cool(slices_.of(worker)); }); });
    });
    return taken;
  }

 private:
  using Base = OnArrays<Buffer, std::conditional_t<std::is_void_v<Whole>, Loops, Whole>>;
  using Base::configuration_;
  using Base::loops_;
  using Base::reference_;
  using Base::slices_;
  using Base::sum_;

  template <class Work>
  void within(Work&& work) {
    if constexpr (requires { team_.within(work); }) {
      team_.within(work);
    } else {
      work();
    }
  }

  void run() {
    if constexpr (!std::is_void_v<Whole>) {
      // Worker 0's part begins where the whole does.
      void* const* const arrays = slices_.of(0).at.data();
      if (loops_.is_sum()) {
        sum_ = loops_.sum(arrays, configuration_.elements);
      } else {
        loops_.map(arrays, configuration_.elements);
      }
    } else if (loops_.is_sum()) {
      team_.run([this](int worker) {
        Slices::Part& part = slices_.of(worker);
        part.sum = loops_.sum(part.at.data(), part.slice.size);
      });
      this->add_up(slices_.all());
    } else {
      team_.run([this](int worker) {
        const Slices::Part& part = slices_.of(worker);
        loops_.map(part.at.data(), part.slice.size);
      });
    }
  }

  Team team_;
};

/// What a worker takes where there is no array: its stack's and its allocator's first pages, and
/// the kernel's stack.
inline constexpr std::uint64_t kWorkerBytes = 64 * 1024;

/// An offer's make().
template <class Made>
std::unique_ptr<Operation> make_operation(const Configuration& configuration,
                                          const Placement& placement) {
  return std::make_unique<Made>(configuration, placement);
}

/// The host memory of a configuration by threads: its arrays, or its workers' stacks.
std::uint64_t threaded_bytes(const Configuration& configuration);

/// Offers of every workload on arrays.
std::vector<Offer> array_offers(const Variant& variant, const decltype(Offer::make)& make,
                                const decltype(Offer::host_bytes)& host_bytes);

/// Those by `Team`, and by a library's `Whole`.
template <class Team, class Whole = void>
std::vector<Offer> array_offers(const Variant& variant) {
  return array_offers(variant, make_operation<ArrayOperation<Team, Whole>>, threaded_bytes);
}

/// The offer of `cost` by an operation of type `Made`.
template <class Made>
Offer cost_offer(const Workload& cost, const Variant& variant,
                 std::uint64_t (*host_bytes)(const Configuration&) = threaded_bytes) {
  return {&cost, variant, make_operation<Made>, host_bytes};
}

/// The offers of several functions, one behind the other.
std::vector<Offer> joined(std::vector<std::vector<Offer>> parts);

/// What every CPU model answers alike: workers from `--threads`, on the CPUs; a table of offers.
class ThreadedModel : public Model {
 public:
  const std::vector<Offer>& offers() const override { return offers_; }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const override {
    return {{Devices::cpus(), sweeps.threads}};
  }

 protected:
  explicit ThreadedModel(std::vector<std::vector<Offer>> offers)
      : offers_(joined(std::move(offers))) {}

 private:
  std::vector<Offer> offers_;
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
