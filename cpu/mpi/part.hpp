#pragma once

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/cold.hpp"
#include "common/model.hpp"
#include "common/workload.hpp"
#include "common/workloads/reference.hpp"
#include "cpu/loops.hpp"
#include "cpu/mpi/ranks.hpp"

namespace crossover::cpu::mpi {

/// What one rank has of a prepared configuration, rank 0 included: its memory, and its part of each
/// operation.
class Part {
 public:
  virtual ~Part() = default;

  /// Writes this rank's part of the input.
  virtual void renew(std::uint32_t salt) = 0;
  /// How many operations may follow before the input is to be renewed.
  virtual std::int64_t operations_left() const { return Operation::kUnlimited; }
  /// Does `operations` operations. All ranks of the task call it; what it returns counts on rank 0,
  /// where an operation ends when rank 0 knows that all of it is done. The clock starts once all
  /// are awake and done with their input.
  virtual Nanoseconds time(std::int64_t operations) = 0;
  /// Compares what this rank has with the reference.
  virtual Report report() const = 0;
  /// On rank 0: of the reports of all ranks together.
  virtual Verdict judge(const std::vector<Report>& reports) const = 0;
};

/// Of a workload on arrays. With the loops of all CPU models; the tests have faulty ones.
class ArrayPart : public Part {
 public:
  /// `ranks` are those of the task, this one is `rank`; `allowed` are the CPUs to verify on. Throws
  /// std::bad_alloc.
  ArrayPart(const Task& task, MPI_Comm ranks, int rank, std::vector<int> allowed)
      : ArrayPart(task, ranks, rank, std::move(allowed),
                  Loops(workload_of(task), task.type, task.form.string())) {}
  ArrayPart(const Task& task, MPI_Comm ranks, int rank, std::vector<int> allowed, Loops loops)
      : task_(task),
        workload_(workload_of(task)),
        ranks_(ranks),
        rank_(rank),
        allowed_(std::move(allowed)),
        loops_(std::move(loops)),
        reference_(make_reference(workload_, task.type)),
        slice_(slice_of(task.elements, element_bytes(), rank, task.workers)),
        held_(holds_all() ? Slice{0, task.elements} : slice_) {
    for (int array = 0; array < workload_.arrays; ++array) {
      const Buffer& buffer = arrays_.emplace_back(held_.size * element_bytes());
      mine_[static_cast<std::size_t>(array)] =
          static_cast<char*>(buffer.data()) + (slice_.first - held_.first) * element_bytes();
    }
    if (holds_all()) count_lines();
  }

  void renew(std::uint32_t salt) override {
    salt_ = salt;
    done_ = 0;
    // Ranks that keep nothing write something all the same: they are to touch their memory first.
    // The first elements: what no message brings is wrong.
    const std::uint64_t first = keeps() ? held_.first : 0;
    for (int array = 0; array < workload_.arrays; ++array) {
      reference_->fill(array, data(array), first, held_.size, salt);
    }
  }

  std::int64_t operations_left() const override {
    return reference_->operations_per_input() - done_;
  }

  /// Of a cold task each operation follows when all ranks have removed what they have from the
  /// caches.
  Nanoseconds time(std::int64_t operations) override {
    done_ += operations;
    check(MPI_Barrier(ranks_));
    const auto run_one = [this] { run(); };
    if (!task_.cold) return time_all(operations, run_one);
    return time_each(operations, run_one, [this] { cool(); });
  }

  Report report() const override {
    Report report;
    if (!keeps()) return report;
    if (loops_.is_sum()) {
      report.has_sum = true;
      report.sum = total_;
      return report;
    }
    report.checked = held_;
    const Verdict verdict =
        reference_->verify_map(data(0), held_.first, held_.size, salt_, done_, allowed_);
    report.correct = verdict.correct;
    report.error = verdict.error;
    report.note = ShortText(verdict.note);
    return report;
  }

  Verdict judge(const std::vector<Report>& reports) const override {
    Verdict all{0, true, {}};
    std::uint64_t reached = 0;
    for (std::size_t rank = 0; rank < reports.size(); ++rank) {
      const Report& report = reports[rank];
      Verdict one{report.error, report.correct, report.note.string()};
      if (report.has_sum) {
        one = reference_->verify_sum(report.sum, task_.elements, salt_, loops_.rounding, allowed_);
      }
      if (!one.correct) return {one.error, false, fmt::format("rank {}: {}", rank, one.note)};
      all.error = std::max(all.error, one.error);
      // Whatever no rank has looked at ends this here.
      if (report.checked.first == reached) reached += report.checked.size;
    }
    if (loops_.is_sum() || reached == task_.elements) return all;
    return {std::numeric_limits<double>::quiet_NaN(), false,
            fmt::format("the ranks' slices end at element {} of {}", reached, task_.elements)};
  }

 private:
  static const Workload& workload_of(const Task& task) {
    return workloads()[static_cast<std::size_t>(task.workload)];
  }
  bool is_root() const { return rank_ == 0; }
  /// With `scatter`, rank 0 has all of the data and the others have none but while they work on it.
  bool holds_all() const { return task_.scatter && is_root(); }
  bool keeps() const { return !task_.scatter || is_root(); }
  std::size_t element_bytes() const { return size_of(task_.type); }
  void* data(int array) const { return arrays_[static_cast<std::size_t>(array)].data(); }

  void cool() {
    for (const Buffer& array : arrays_) {
      remove_from_caches(array.data(), held_.size * element_bytes());
    }
    check(MPI_Barrier(ranks_));
  }

  // Slices begin at cache lines, and the memory behind the last one reaches to the end of its line:
  // counted in lines, an int lasts for 128 GiB.
  void run() {
    if (task_.scatter) {
      for (int array = workload_.first_read; array < workload_.arrays; ++array) {
        check(MPI_Scatterv(data(array), counts_.data(), firsts_.data(), line(),
                           is_root() ? MPI_IN_PLACE : data(array), lines_of(slice_), line(), 0,
                           ranks_));
      }
    } else {
      // The others wait here until rank 0 calls the operation.
      unsigned char call = 1;
      check(MPI_Bcast(&call, 1, MPI_UNSIGNED_CHAR, 0, ranks_));
    }
    if (loops_.is_sum()) return sum();
    loops_.map(mine_.data(), slice_.size);
    if (task_.scatter) {
      check(MPI_Gatherv(is_root() ? MPI_IN_PLACE : data(0), lines_of(slice_), line(), data(0),
                        counts_.data(), firsts_.data(), line(), 0, ranks_));
    } else {
      check(MPI_Barrier(ranks_));
    }
  }

  void sum() {
    const MPI_Datatype kind = loops_.real ? MPI_DOUBLE : MPI_UINT64_T;
    const Total part = loops_.sum(mine_.data(), slice_.size);
    if (!task_.scatter) {
      if (task_.by_hand) {
        total_ = part;
        add_all(kind);
      } else {
        check(MPI_Allreduce(&part, &total_, 1, kind, MPI_SUM, ranks_));
      }
      return;
    }
    check(MPI_Gather(&part, 1, kind, partials_.data(), 1, kind, 0, ranks_));
    total_ = loops_.zero();
    for (const Total partial : partials_) loops_.add(total_, partial);
  }

  /// MPI_Allreduce by hand, by recursive doubling (Thakur, Rabenseifner and Gropp, "Optimization of
  /// Collective Communication Operations in MPICH", 2005): in each step a rank adds the sum of one
  /// twice as far away, of the first 2^n. The others give theirs to one of those, and get the
  /// result.
  void add_all(MPI_Datatype kind) {
    constexpr int kTag = 4;
    const int most = static_cast<int>(std::bit_floor(static_cast<unsigned>(task_.workers)));
    const auto add_from = [&](int rank) {
      Total other = loops_.zero();
      check(MPI_Recv(&other, 1, kind, rank, kTag, ranks_, MPI_STATUS_IGNORE));
      loops_.add(total_, other);
    };
    if (rank_ >= most) {
      check(MPI_Send(&total_, 1, kind, rank_ - most, kTag, ranks_));
      check(MPI_Recv(&total_, 1, kind, rank_ - most, kTag, ranks_, MPI_STATUS_IGNORE));
      return;
    }
    const bool has_other = rank_ + most < task_.workers;
    if (has_other) add_from(rank_ + most);
    for (int away = 1; away < most; away *= 2) {
      const Total mine = total_;
      Total other = loops_.zero();
      check(MPI_Sendrecv(&mine, 1, kind, rank_ ^ away, kTag, &other, 1, kind, rank_ ^ away, kTag,
                         ranks_, MPI_STATUS_IGNORE));
      loops_.add(total_, other);
    }
    if (has_other) check(MPI_Send(&total_, 1, kind, rank_ + most, kTag, ranks_));
  }

  /// Of a line's bytes; kept until MPI ends.
  static MPI_Datatype line() {
    static const MPI_Datatype type = [] {
      MPI_Datatype made = MPI_DATATYPE_NULL;
      check(MPI_Type_contiguous(kLine, MPI_BYTE, &made));
      check(MPI_Type_commit(&made));
      return made;
    }();
    return type;
  }

  int lines_of(const Slice& slice) const {
    return static_cast<int>((slice.size * element_bytes() + kLine - 1) / kLine);
  }
  void count_lines() {
    for (int rank = 0; rank < task_.workers; ++rank) {
      const Slice slice = slice_of(task_.elements, element_bytes(), rank, task_.workers);
      firsts_.push_back(static_cast<int>(slice.first * element_bytes() / kLine));
      counts_.push_back(lines_of(slice));
    }
    partials_.resize(counts_.size());
  }

  Task task_;
  const Workload& workload_;
  MPI_Comm ranks_;
  int rank_;
  std::vector<int> allowed_;
  Loops loops_;
  std::unique_ptr<Reference> reference_;
  Slice slice_;  // what this rank works on
  Slice held_;   // what it has memory for
  std::vector<Buffer> arrays_;
  std::array<void*, kMostArrays> mine_{};  // its slice of each array
  Total total_{};
  std::uint32_t salt_ = 0;
  std::int64_t done_ = 0;  // operations on this input
  // On the root, by rank:
  std::vector<int> firsts_;  // where its slice begins, in lines
  std::vector<int> counts_;
  std::vector<Total> partials_;
};

/// Makes the part of this rank, or what a test puts in its place; `allowed` as an ArrayPart's.
using MakePart = std::function<std::unique_ptr<Part>(Ranks& ranks, const Task& task,
                                                     const std::vector<int>& allowed)>;
std::unique_ptr<Part> make_part(Ranks& ranks, const Task& task, const std::vector<int>& allowed);

/// What a rank other than 0 does until it is told to quit: what rank 0 orders. Throws
/// std::runtime_error when MPI fails.
void serve(Ranks& ranks, const MakePart& make);

}  // namespace crossover::cpu::mpi
