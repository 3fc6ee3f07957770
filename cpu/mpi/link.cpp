#include "cpu/mpi/link.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "common/link_bytes.hpp"
#include "common/plural.hpp"

namespace crossover::cpu::mpi {

namespace {

constexpr int kTag = 3;

}  // namespace

LinkPart::LinkPart(Ranks& ranks, const Task& task)
    : all_(ranks.all()),
      is_root_(ranks.rank() == 0),
      other_(is_root_ ? task.peer : 0),
      both_ways_(task.both_ways),
      bytes_(task.elements),
      out_(std::max<std::uint64_t>(bytes_, 1)),
      in_(std::max<std::uint64_t>(bytes_, 1)) {}

void LinkPart::renew(std::uint32_t salt) {
  salt_ = salt;
  done_ = 0;
  // What one rank begins with is wrong for the other.
  write_link_bytes({static_cast<std::byte*>(out_.data()), bytes_}, 0, is_root_ ? salt : ~salt);
  std::fill_n(static_cast<std::byte*>(in_.data()), bytes_, std::byte{0xff});
}

Nanoseconds LinkPart::time(std::int64_t operations) {
  // What does not come is not to be found here from before.
  std::fill_n(static_cast<std::byte*>(in_.data()), bytes_, std::byte{0xff});
  // Both are awake and done with their input.
  unsigned char mine = 1;
  unsigned char its = 0;
  check(MPI_Sendrecv(&mine, 1, MPI_UNSIGNED_CHAR, other_, kTag, &its, 1, MPI_UNSIGNED_CHAR, other_,
                     kTag, all_, MPI_STATUS_IGNORE));
  if (both_ways_) {
    done_ += operations;
    return time_all(operations, [this] { both_ways(); });
  }
  const std::int64_t trips = (operations + 1) / 2;
  done_ += 2 * trips;
  const Nanoseconds taken = time_all(trips, [this] { ping_pong(); });
  return taken * (static_cast<double>(operations) / static_cast<double>(2 * trips));
}

void LinkPart::ping_pong() {
  const auto send = [this] { check(MPI_Send(out_.data(), count(), MPI_BYTE, other_, kTag, all_)); };
  const auto receive = [this] {
    check(MPI_Recv(in_.data(), count(), MPI_BYTE, other_, kTag, all_, MPI_STATUS_IGNORE));
    std::swap(in_, out_);
  };
  if (is_root_) send();
  receive();
  if (!is_root_) send();
}

void LinkPart::both_ways() {
  check(MPI_Sendrecv(out_.data(), count(), MPI_BYTE, other_, kTag, in_.data(), count(), MPI_BYTE,
                     other_, kTag, all_, MPI_STATUS_IGNORE));
  std::swap(in_, out_);
}

Report LinkPart::report() const {
  // By ping-pong all have rank 0's bytes; both ways, each has its own after every second message.
  const bool from_root = both_ways_ ? is_root_ == (done_ % 2 == 0) : true;
  // What came last, or where it should have come.
  const Buffer& last = done_ > 0 ? out_ : in_;
  const std::uint64_t wrong = wrong_link_bytes({static_cast<const std::byte*>(last.data()), bytes_},
                                               0, from_root ? salt_ : ~salt_);
  Report report;
  report.checked = {0, bytes_};
  report.correct = wrong == 0;
  report.error =
      static_cast<double>(wrong) / static_cast<double>(std::max<std::uint64_t>(bytes_, 1));
  if (wrong > 0) report.note = ShortText(counted(wrong, "wrong byte"));
  return report;
}

Verdict LinkPart::judge(const std::vector<Report>& reports) const {
  for (const Report& report : reports) {
    if (report.correct) continue;
    const bool mine = &report == &reports.front();
    return {report.error, false,
            fmt::format("rank {}: {}", mine ? 0 : other_, report.note.string())};
  }
  return {0, true, {}};
}

}  // namespace crossover::cpu::mpi
