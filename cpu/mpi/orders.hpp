#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "common/buffer.hpp"
#include "common/element.hpp"
#include "common/workloads/reference.hpp"

/// What rank 0 and the others tell each other outside every clock, sent as it lies in memory: the
/// ranks are one program, and it is built for one kind of machine.
namespace crossover::cpu::mpi {

/// A short text inside a message; what does not fit is cut off.
class ShortText {
 public:
  ShortText() = default;
  explicit ShortText(std::string_view text) : size_(text.copy(text_.data(), text_.size())) {}
  std::string string() const { return {text_.data(), size_}; }

 private:
  std::array<char, 240> text_{};
  std::uint64_t size_ = 0;
};

/// A configuration, as far as a rank needs it.
struct Task {
  std::int32_t workload = 0;  ///< its place in workloads()
  ElementType type = ElementType::f32;
  bool scatter = false;  ///< the data lies in rank 0
  bool pinned = false;
  bool cold = false;  ///< each rank removes its data from the caches before every operation
  std::uint64_t elements = 0;
  ShortText form{};          ///< of the loop
  std::int32_t workers = 1;  ///< of a workload on arrays, ranks 0 to workers - 1 take part
  std::int32_t peer = -1;    ///< of a link, rank 0 and this one
  bool both_ways = false;    ///< of a link, at once
  bool by_hand = false;      ///< a sum's partial sums are added by messages between two ranks
  std::int32_t cpu = -1;     ///< for a pinned rank; -1: one of its own machine's, which rank 0 does
                             ///< not know
};

struct Order {
  enum class Kind : std::int32_t { prepare, renew, run, verify, release, quit };
  Kind kind = Kind::quit;
  Task task{};                  ///< to prepare
  std::uint32_t salt = 0;       ///< to renew
  std::int64_t operations = 0;  ///< to run
};

/// What a rank found in its own memory.
struct Report {
  Slice checked;        ///< the elements that it looked at
  bool correct = true;  ///< whether all of them are right
  double error = 0;
  bool has_sum = false;
  Total sum{};     ///< for rank 0 to compare
  ShortText note;  ///< what is wrong
};

/// The answer to `prepare`, `verify` and `release`.
struct Reply {
  enum class Outcome : std::int32_t { done, no_memory, failed };
  Outcome outcome = Outcome::done;
  ShortText reason;  ///< for what failed
  Report report;     ///< of verify
};

static_assert(std::is_trivially_copyable_v<Order> && std::is_trivially_copyable_v<Reply>);

}  // namespace crossover::cpu::mpi
