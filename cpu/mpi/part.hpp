#pragma once

#include <fmt/format.h>
#include <mpi.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "common/buffer.hpp"
#include "common/doubling.hpp"
#include "common/model.hpp"
#include "common/reduction.hpp"
#include "cpu/loops.hpp"
#include "cpu/mpi/ranks.hpp"

/// What one rank has of a prepared configuration, rank 0 included: its memory, and its part of each
/// operation.
namespace crossover::cpu::mpi {

class Part {
 public:
  virtual ~Part() = default;
  /// Writes this rank's part of the input.
  virtual void renew(std::uint32_t salt) = 0;
  /// One operation. All ranks call it, and it returns on rank 0 when rank 0 knows that all of it is
  /// done.
  virtual void run() = 0;
  /// Compares what this rank has with the reference, after `operations` operations on the input for
  /// `salt`.
  virtual Report report(std::uint32_t salt, std::int64_t operations) = 0;
  /// On rank 0: of the reports of all ranks together.
  virtual Verdict judge(const std::vector<Report>& reports, std::uint32_t salt) = 0;
};

/// The loop bodies of all CPU models.
struct SharedLoops {
  template <class T>
  static void double_in_place(std::span<T> x) {
    loops::double_in_place(x);
  }
  template <class T>
  static SumOf<T> sum(std::span<const T> x) {
    return loops::sum(x);
  }
};

/// The memory and the messages that both workloads have in common.
template <class T>
class SlicedPart : public Part {
 public:
  /// `ranks` are those of the task, this one is `rank`; `allowed` are the CPUs to verify on. Throws
  /// std::bad_alloc.
  SlicedPart(const Task& task, MPI_Comm ranks, int rank, std::vector<int> allowed)
      : task_(task),
        ranks_(ranks),
        rank_(rank),
        allowed_(std::move(allowed)),
        slice_(slice_of(task.elements, sizeof(T), rank, task.workers)),
        data_(holds_all() ? task.elements : slice_.size) {
    if (holds_all()) count_lines();
  }

 protected:
  bool is_root() const { return rank_ == 0; }
  /// With `scatter`, rank 0 has all of the data and the others have none but while they work on it.
  bool holds_all() const { return task_.scatter && is_root(); }

  /// What this rank works on.
  std::span<T> mine() {
    return holds_all() ? data_.all().subspan(slice_.first, slice_.size) : data_.all();
  }
  /// What of the whole array this rank keeps between operations.
  Slice kept() const {
    if (!task_.scatter) return slice_;
    return is_root() ? Slice{0, task_.elements} : Slice{};
  }

  /// The others wait here until rank 0 calls the operation.
  void await_call() {
    unsigned char call = 1;
    check(MPI_Bcast(&call, 1, MPI_UNSIGNED_CHAR, 0, ranks_));
  }
  // Slices begin at cache lines, and the memory behind the last one reaches to the end of its line:
  // counted in lines, an int lasts for 128 GiB.
  void scatter() {
    if (is_root()) {
      check(MPI_Scatterv(data_.all().data(), counts_.data(), firsts_.data(), line(), MPI_IN_PLACE,
                         0, line(), 0, ranks_));
    } else {
      check(MPI_Scatterv(nullptr, nullptr, nullptr, line(), data_.all().data(),
                         lines_of(slice_.size), line(), 0, ranks_));
    }
  }
  void gather() {
    if (is_root()) {
      check(MPI_Gatherv(MPI_IN_PLACE, 0, line(), data_.all().data(), counts_.data(), firsts_.data(),
                        line(), 0, ranks_));
    } else {
      check(MPI_Gatherv(data_.all().data(), lines_of(slice_.size), line(), nullptr, nullptr,
                        nullptr, line(), 0, ranks_));
    }
  }

  Task task_;
  MPI_Comm ranks_;
  int rank_;
  std::vector<int> allowed_;
  Slice slice_;
  Array<T> data_;

 private:
  static constexpr std::uint64_t kLine = 64;

  class LineType {
   public:
    LineType() {
      check(MPI_Type_contiguous(kLine, MPI_BYTE, &type_));
      check(MPI_Type_commit(&type_));
    }
    ~LineType() { MPI_Type_free(&type_); }
    LineType(const LineType&) = delete;
    LineType& operator=(const LineType&) = delete;
    MPI_Datatype get() const { return type_; }

   private:
    MPI_Datatype type_ = MPI_DATATYPE_NULL;
  };

  MPI_Datatype line() const { return line_.get(); }
  static int lines_of(std::uint64_t elements) {
    return static_cast<int>((elements * sizeof(T) + kLine - 1) / kLine);
  }
  void count_lines() {
    for (int rank = 0; rank < task_.workers; ++rank) {
      const Slice slice = slice_of(task_.elements, sizeof(T), rank, task_.workers);
      firsts_.push_back(static_cast<int>(slice.first * sizeof(T) / kLine));
      counts_.push_back(lines_of(slice.size));
    }
  }

  LineType line_;
  std::vector<int> firsts_;  // of each rank's slice, in lines; on the root
  std::vector<int> counts_;
};

template <class T, class Loops>
class DoublePart final : public SlicedPart<T> {
 public:
  using SlicedPart<T>::SlicedPart;

  // Ranks that keep nothing write something all the same: they are to touch their memory first.
  void renew(std::uint32_t salt) override {
    doubling::fill<T>(this->data_.all(), this->kept().first, salt);
  }

  void run() override {
    if (this->task_.scatter) {
      this->scatter();
      Loops::template double_in_place<T>(this->mine());
      this->gather();
    } else {
      this->await_call();
      Loops::template double_in_place<T>(this->mine());
      check(MPI_Barrier(this->ranks_));
    }
  }

  Report report(std::uint32_t salt, std::int64_t operations) override {
    Report report;
    report.checked = this->kept();
    if (report.checked.size == 0) return report;
    const Verdict verdict = doubling::verify<T>(this->data_.all(), salt, operations, this->allowed_,
                                                report.checked.first);
    report.correct = verdict.correct;
    report.error = verdict.error;
    report.note = ShortText(verdict.note);
    return report;
  }

  Verdict judge(const std::vector<Report>& reports, std::uint32_t) override {
    std::uint64_t reached = 0;
    for (std::size_t rank = 0; rank < reports.size(); ++rank) {
      const Report& report = reports[rank];
      // Written so that a NaN in `error` changes nothing.
      if (!report.correct) {
        return {report.error, false, fmt::format("rank {}: {}", rank, report.note.string())};
      }
      if (report.checked.size == 0) continue;
      if (report.checked.first != reached) break;
      reached += report.checked.size;
    }
    if (reached == this->task_.elements) return {0, true, {}};
    return {
        std::numeric_limits<double>::quiet_NaN(), false,
        fmt::format("the ranks' slices end at element {} of {}", reached, this->task_.elements)};
  }
};

template <class T, class Loops>
class ReducePart final : public SlicedPart<T> {
 public:
  using SlicedPart<T>::SlicedPart;

  void renew(std::uint32_t salt) override {
    reduction::fill<T>(this->data_.all(), this->kept().first, salt);
  }

  void run() override {
    if (this->task_.scatter) {
      this->scatter();
      const Wrapping part = sum();
      partials_.resize(static_cast<std::size_t>(this->task_.workers));
      check(MPI_Gather(&part, 1, kind(), partials_.data(), 1, kind(), 0, this->ranks_));
      total_ = {};
      for (const Wrapping partial : partials_) total_ += partial;
    } else {
      this->await_call();
      const Wrapping part = sum();
      check(MPI_Allreduce(&part, &total_, 1, kind(), MPI_SUM, this->ranks_));
    }
  }

  Report report(std::uint32_t, std::int64_t) override {
    Report report;
    report.has_sum = !this->task_.scatter || this->is_root();
    std::memcpy(&report.sum, &total_, sizeof total_);
    return report;
  }

  Verdict judge(const std::vector<Report>& reports, std::uint32_t salt) override {
    Verdict all{0, true, {}};
    for (std::size_t rank = 0; rank < reports.size(); ++rank) {
      if (!reports[rank].has_sum) continue;
      SumOf<T> sum{};
      std::memcpy(&sum, &reports[rank].sum, sizeof sum);
      Verdict verdict = reduction::verify<T>(sum, this->task_.elements, salt,
                                             loops::kSumRounding<T>, this->allowed_);
      if (!verdict.correct) {
        verdict.note = fmt::format("rank {}: {}", rank, verdict.note);
        return verdict;
      }
      all.error = std::max(all.error, verdict.error);
    }
    return all;
  }

 private:
  using Wrapping = loops::Wrapping<SumOf<T>>;

  Wrapping sum() {
    return static_cast<Wrapping>(Loops::template sum<T>(std::span<const T>(this->mine())));
  }
  static MPI_Datatype kind() {
    if constexpr (std::is_floating_point_v<Wrapping>) return MPI_DOUBLE;
    if constexpr (sizeof(Wrapping) == 4) return MPI_UINT32_T;
    return MPI_UINT64_T;
  }

  Wrapping total_{};
  std::vector<Wrapping> partials_;
};

/// This rank's part of a task. Throws std::bad_alloc.
template <class Loops = SharedLoops>
std::unique_ptr<Part> make_part(const Task& task, MPI_Comm ranks, int rank,
                                const std::vector<int>& allowed) {
  return with_type(task.type, [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Part> {
    if (task.kind == Task::Kind::doubling) {
      return std::make_unique<DoublePart<T, Loops>>(task, ranks, rank, allowed);
    }
    return std::make_unique<ReducePart<T, Loops>>(task, ranks, rank, allowed);
  });
}

}  // namespace crossover::cpu::mpi
