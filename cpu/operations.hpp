#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/cold.hpp"
#include "common/model.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/loops.hpp"
#include "cpu/shared.hpp"

/// The workloads on arrays on CPU workers: one operation for every workload and every model.
///
/// A model brings its way to parallelise as a *team*, a class with
///
///     Team(int workers, const Placement&)       starts and binds the workers; throws Unavailable
///     template <class Body> void run(Body&& body)   body(worker) once for each worker, and waits
///
/// run() is inside the clock; the loop bodies, the slices, where data lies and who touches it first
/// are here and so are the same for all. Bodies capture by value and little, so that a team of
/// processes can copy them. A team may have besides
///
///     template <class Work> void within(Work&& work)   calls work() where run() may be called
///     static Loops whole(const Workload&, ElementType) a library's own version, on all of the data
///                                                      at once
///     std::vector<int> processes() const               Operation::processes()
///     void observe(Observation&) const                 adds to Operation::observe()
namespace crossover::cpu {

/// A worker's part of the arrays of a workload; its own to write in, on lines that no other worker
/// has. The sum has one for itself, because the caller fetches it after each operation; and it
/// comes first, because what a worker reads must not lie where in its page the order just before
/// lies (a load that agrees with a store in the lower 12 bits of the address waits for it).
struct alignas(kLinePair) WorkerPart {
  Total sum{};  ///< of the last operation
  /// In blocks: how many elements somebody has taken.
  alignas(kLinePair) std::atomic<std::uint64_t> taken{0};
  Total* block_sums = nullptr;                         ///< one for each block
  alignas(kLine) std::array<void*, kMostArrays> at{};  ///< where its part of each array begins
  Slice slice;
  int arrays = 0;
  std::uint64_t bytes = 0;  ///< of each array

  /// Writes this part of the first `count` arrays' input.
  void fill(const Reference& reference, std::uint32_t salt, int count) const {
    for (int array = 0; array < count; ++array) {
      reference.fill(array, at[static_cast<std::size_t>(array)], slice.first, slice.size, salt);
    }
  }
  /// Where its block of that number begins in each array.
  std::array<void*, kMostArrays> block(std::uint64_t number) const;
  /// Removes this part from all caches.
  void cool() const {
    for (int array = 0; array < arrays; ++array) {
      remove_from_caches(at[static_cast<std::size_t>(array)], bytes);
    }
  }
};

/// What workers on the same memory take at a time, of each array: 64 KiB and 2 MiB were within 2 %
/// of it on 16 cores, where blocks gave `double` 1.12 x and the sum 1.30 x what whole parts did (1
/// GiB, vectors of 64 bytes).
inline constexpr std::uint64_t kBlockBytes = 256 * 1024;

inline std::array<void*, kMostArrays> WorkerPart::block(std::uint64_t number) const {
  std::array<void*, kMostArrays> begin{};
  for (int array = 0; array < arrays; ++array) {
    const auto index = static_cast<std::size_t>(array);
    begin[index] = static_cast<char*>(at[index]) + number * kBlockBytes;
  }
  return begin;
}

/// Calls `work(part, number, elements)` with blocks of `block` elements until none is left: those
/// of worker `worker`'s own part first.
template <class Work>
void each_block(WorkerPart* parts, std::uint64_t workers, int worker, std::uint64_t block,
                Work&& work) {
  for (std::uint64_t i = 0; i < workers; ++i) {
    WorkerPart& part = parts[(static_cast<std::uint64_t>(worker) + i) % workers];
    for (;;) {
      const std::uint64_t first = part.taken.fetch_add(block, std::memory_order_relaxed);
      if (first >= part.slice.size) break;
      work(part, first / block, std::min(block, part.slice.size - first));
    }
  }
}

/// A workload's arrays and what is in them.
template <class Memory>
struct ArrayData final : Left {
  std::vector<Memory> memory;          ///< by array; there may be more than a workload needs
  const Workload* workload = nullptr;  ///< whose input it is; null: none yet
  std::uint32_t salt = 0;              ///< of the input
  std::int64_t done = 0;               ///< operations on it
};

/// What all operations on arrays have in common: an array's `Memory`, the input and its reference.
template <class Memory>
class OnArrays : public Operation {
 public:
  /// What was verified is good enough for the next sample.
  ~OnArrays() override {
    if (store_ != nullptr && right_) store_->leave(std::move(data_));
  }

  std::int64_t operations_left() const override {
    return reference_->operations_per_input() - data_->done;
  }

  Verdict verify() override {
    const std::uint64_t elements = configuration_.elements;
    Verdict verdict = loops_.is_sum() ? reference_->verify_sum(sum_, elements, data_->salt,
                                                               loops_.rounding, allowed_)
                                      : reference_->verify_map(memory().front().data(), 0, elements,
                                                               data_->salt, data_->done, allowed_);
    right_ = verdict.correct;
    return verdict;
  }

 protected:
  /// `store` may be null: then nothing is taken from the sample before or left to the next.
  OnArrays(const Configuration& configuration, const Placement& placement, BlockStore* store,
           Loops loops)
      : configuration_(configuration),
        loops_(std::move(loops)),
        reference_(make_reference(*configuration.workload, configuration.type)),
        parts_(static_cast<std::size_t>(configuration.workers)),
        store_(store),
        allowed_(placement.allowed) {
    const auto arrays = static_cast<std::size_t>(configuration.workload->arrays);
    if (store_ != nullptr) data_ = store_->take<ArrayData<Memory>>();
    if (data_ != nullptr && data_->memory.size() < arrays) data_.reset();
    if (data_ == nullptr) {
      data_ = std::make_unique<ArrayData<Memory>>();
      for (std::size_t array = 0; array < arrays; ++array) {
        data_->memory.emplace_back(configuration.elements * element_bytes());
      }
    }
    for (int worker = 0; worker < configuration.workers; ++worker) {
      WorkerPart& part = part_of(worker);
      part.slice = slice_of(configuration.elements, element_bytes(), worker, configuration.workers);
      part.arrays = configuration.workload->arrays;
      part.bytes = part.slice.size * element_bytes();
      for (std::size_t array = 0; array < arrays; ++array) {
        part.at[array] =
            static_cast<char*>(memory()[array].data()) + part.slice.first * element_bytes();
      }
    }
  }

  std::size_t element_bytes() const { return size_of(configuration_.type); }
  WorkerPart& part_of(int worker) { return parts_.all()[static_cast<std::size_t>(worker)]; }

  std::vector<Memory>& memory() { return data_->memory; }
  /// Whether nobody has touched the memory yet.
  bool untouched() const { return data_->workload == nullptr; }

  /// Begins the input for `salt` and says how many arrays have to be written for it, from the first
  /// on: all, but of data that was handed on those that are not read.
  int begin_input(std::uint32_t salt) {
    const bool known = !std::exchange(begun_, true) && data_->workload == configuration_.workload &&
                       data_->salt == salt && operations_left() > 0;
    right_ = false;
    if (known) {
      const int written = configuration_.workload->first_read;
      // A worker who does not come for that either has left what is right by the sample before.
      for (int array = 0; array < written; ++array) {
        for (const WorkerPart& part : parts_.all()) {
          reference_->fill(array, part.at[static_cast<std::size_t>(array)], part.slice.first,
                           std::min<std::uint64_t>(part.slice.size, 1), salt);
        }
      }
      return written;
    }
    data_->workload = configuration_.workload;
    data_->salt = salt;
    data_->done = 0;
    return configuration_.workload->arrays;
  }

  /// What `operations` calls of `run()` take, with `cool()` before each where caches are to be
  /// cold.
  template <class Run, class Cool>
  Nanoseconds timed(std::int64_t operations, Run&& run, Cool&& cool) {
    data_->done += operations;
    right_ = false;
    if (configuration_.cache == Cache::warm) return time_all(operations, run);
    return time_each(operations, run, cool);
  }

  /// The blocks of all parts together.
  std::uint64_t number_blocks() const {
    std::uint64_t blocks = 0;
    for (const WorkerPart& part : parts_.all()) blocks += blocks_of(part);
    return blocks;
  }
  /// Gives each part its own of so many sums.
  void give_blocks(std::span<Total> sums) {
    Total* next = sums.data();
    for (WorkerPart& part : parts_.all()) next = (part.block_sums = next) + blocks_of(part);
  }

  /// Adds up the sums of all parts.
  void add_up() {
    Total total = loops_.zero();
    for (const WorkerPart& part : parts_.all()) loops_.add(total, part.sum);
    sum_ = total;
  }
  /// The same by blocks, in their order: a sum's bits do not tell who has done what.
  void add_blocks_up() {
    Total total = loops_.zero();
    for (const WorkerPart& part : parts_.all()) {
      for (std::uint64_t block = 0; block < blocks_of(part); ++block) {
        loops_.add(total, part.block_sums[block]);
      }
    }
    sum_ = total;
  }

  std::uint64_t block_elements() const { return kBlockBytes / element_bytes(); }
  std::uint64_t blocks_of(const WorkerPart& part) const {
    return (part.slice.size + block_elements() - 1) / block_elements();
  }

  Configuration configuration_;
  Loops loops_;
  std::unique_ptr<Reference> reference_;
  InSharedMemory<WorkerPart> parts_;  // by worker
  Total sum_{};

 private:
  std::unique_ptr<ArrayData<Memory>> data_;
  BlockStore* store_;
  bool begun_ = false;  // begin_input() was called
  bool right_ = false;  // verified, and nothing was done since
  std::vector<int> allowed_;
};

/// The processes of a team, if it has any.
template <class Team>
std::vector<int> processes_of(const Team& team) {
  if constexpr (requires { team.processes(); }) return team.processes();
  return {};
}

/// A workload on arrays by a team.
template <class Team, class Memory = Buffer>
class ArrayOperation final : public OnArrays<Memory> {
 public:
  ArrayOperation(const Configuration& configuration, const Placement& placement)
      : ArrayOperation(configuration, placement, [&] {
          if constexpr (kWhole) return Team::whole(*configuration.workload, configuration.type);
          return Loops::chosen(configuration, placement.forms);
        }()) {}
  ArrayOperation(const Configuration& configuration, const Placement& placement, Loops loops)
      : OnArrays<Memory>(configuration, placement, placement.store, std::move(loops)),
        block_sums_(std::max<std::uint64_t>(this->number_blocks(), 1)),
        team_(configuration.workers, placement) {
    this->give_blocks(block_sums_.all());
    if constexpr (requires(const Memory& memory) { memory.first_touch(0, 0); }) {
      if (!this->untouched()) return;
      team_.run([this](int worker) {
        const WorkerPart& part = this->part_of(worker);
        for (const Memory& memory : this->memory()) {
          memory.first_touch(part.slice.first * this->element_bytes(), part.bytes);
        }
      });
    }
  }

  void renew(std::uint32_t salt) override {
    const int arrays = this->begin_input(salt);
    if (arrays == 0) return;
    within([&] {
      team_.run([this, salt, arrays](int worker) {
        this->part_of(worker).fill(*this->reference_, salt, arrays);
      });
    });
  }

  Nanoseconds time(std::int64_t operations) override {
    Nanoseconds taken{};
    within([&] {
      taken = this->timed(
          operations, [this] { run(); },
          [this] { team_.run([this](int worker) { this->part_of(worker).cool(); }); });
    });
    return taken;
  }

  void take_form(std::string_view form) override {
    if constexpr (!kWhole) {
      loops_ = Loops(*this->configuration_.workload, this->configuration_.type, form);
    }
  }

  std::vector<int> processes() const override { return processes_of(team_); }

  Observation observe() override {
    Observation seen;
    if constexpr (requires { team_.observe(seen); }) team_.observe(seen);
    return seen;
  }

 private:
  static constexpr bool kWhole = requires(const Workload& workload) {
    Team::whole(workload, ElementType::f32);
  };
  using OnArrays<Memory>::loops_;

  template <class Work>
  void within(Work&& work) {
    if constexpr (requires { team_.within(work); }) {
      team_.within(work);
    } else {
      work();
    }
  }

  void run() {
    if constexpr (kWhole) {
      // Worker 0's part begins where the whole does.
      void* const* const arrays = this->part_of(0).at.data();
      if (loops_.is_sum()) {
        this->sum_ = loops_.sum(arrays, this->configuration_.elements);
      } else {
        loops_.map(arrays, this->configuration_.elements);
      }
    } else {
      // What workers look up lies with their order and on their own lines: on those of this object
      // the caller writes.
      const void* const work = loops_.work.get();
      WorkerPart* const parts = &this->part_of(0);
      if (loops_.in_blocks && this->configuration_.workers > 1) {
        run_blocks(work, parts);
      } else if (loops_.is_sum()) {
        team_.run([work, parts, sum = loops_.sum_part](int worker) {
          WorkerPart& part = parts[worker];
          part.sum = sum(work, part.at.data(), part.slice.size);
        });
        this->add_up();
      } else {
        team_.run([work, parts, map = loops_.map_part](int worker) {
          const WorkerPart& part = parts[worker];
          map(work, part.at.data(), part.slice.size);
        });
      }
    }
  }

  void run_blocks(const void* work, WorkerPart* parts) {
    for (WorkerPart& part : this->parts_.all()) part.taken.store(0, std::memory_order_relaxed);
    const std::uint64_t block = this->block_elements();
    const auto workers = static_cast<std::uint64_t>(this->configuration_.workers);
    if (loops_.is_sum()) {
      team_.run([work, parts, workers, block, sum = loops_.sum_part](int worker) {
        each_block(parts, workers, worker, block,
                   [=](const WorkerPart& part, std::uint64_t number, std::uint64_t elements) {
                     part.block_sums[number] = sum(work, part.block(number).data(), elements);
                   });
      });
      this->add_blocks_up();
    } else {
      team_.run([work, parts, workers, block, map = loops_.map_part](int worker) {
        each_block(parts, workers, worker, block,
                   [=](const WorkerPart& part, std::uint64_t number, std::uint64_t elements) {
                     map(work, part.block(number).data(), elements);
                   });
      });
    }
  }

  InSharedMemory<Total> block_sums_;
  Team team_;  // last: processes know what is there when they are forked
};

/// An operation on the host's clock that knows how many were done on its input.
class CountedOperation : public HostClockedOperation {
 public:
  void renew(std::uint32_t) override { operations_ = 0; }
  Nanoseconds time(std::int64_t operations) override {
    operations_ += static_cast<std::uint64_t>(operations);
    return HostClockedOperation::time(operations);
  }

 protected:
  std::uint64_t operations_ = 0;
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

/// Those by `Team`.
template <class Team, class Memory = Buffer>
std::vector<Offer> array_offers(
    const Variant& variant, std::uint64_t (*host_bytes)(const Configuration&) = threaded_bytes) {
  std::vector<Offer> offers =
      array_offers(variant, make_operation<ArrayOperation<Team, Memory>>, host_bytes);
  for (Offer& offer : offers) offer.memory = Memory::kName;
  return offers;
}

/// The same, by which the forms of all CPU models' loops are chosen, out of `forms`.
template <class Team>
std::vector<Offer> form_choosing_offers(const Variant& variant, decltype(Offer::forms) forms) {
  std::vector<Offer> offers = array_offers<Team>(variant);
  for (Offer& offer : offers) offer.forms = forms;
  return offers;
}

/// The offer of `cost` by an operation of type `Made`.
template <class Made>
Offer cost_offer(const Workload& cost, const Variant& variant,
                 std::uint64_t (*host_bytes)(const Configuration&) = threaded_bytes) {
  return {&cost, variant, make_operation<Made>, host_bytes};
}

/// What every CPU model answers alike: workers from `--threads`, on the CPUs; a table of offers.
class ThreadedModel : public Model {
 public:
  const std::vector<Offer>& offers() const override { return offers_; }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const override {
    return {{Devices::cpus(), sweeps.threads}};
  }

 protected:
  /// The lines of several functions, one behind the other.
  explicit ThreadedModel(const std::vector<std::vector<Offer>>& offers);

 private:
  std::vector<Offer> offers_;
};

/// Binds the calling thread for as long as a team lives: as its worker 0 or, where the caller is no
/// worker, to the CPUs of all of them.
class CallerBinding {
 public:
  enum class To { worker_0, all };
  explicit CallerBinding(const Placement& placement, To to = To::worker_0);
  CallerBinding(const CallerBinding&) = delete;
  CallerBinding& operator=(const CallerBinding&) = delete;
  ~CallerBinding();

 private:
  std::vector<int> allowed_;
};

/// Throws Unavailable where the system refuses the `workers` of a team of a library's, the caller
/// being one of them: libgomp and oneTBB end the program then.
void require_threads(int workers);

/// Throws Unavailable: the system refused `what` with the error number `error`.
[[noreturn]] void refused(std::string_view what, int error);

/// The CPUs of a team: its workers', or all allowed ones when they are not pinned.
const std::vector<int>& cpus_of(const Placement& placement);

/// Binds the calling thread as worker `worker`: to its CPU, or to all allowed ones when workers are
/// not pinned (a new thread otherwise inherits whatever its creator is bound to).
void bind_worker(const Placement& placement, int worker);

}  // namespace crossover::cpu
