#pragma once

#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "common/descriptor.hpp"
#include "common/model.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/child.hpp"

/// Worker processes that share no memory, and what carries data to them and back.
namespace crossover::cpu {

enum class ChannelKind { pipe, socket, queue };

/// How much a worker takes at a time, in bytes: a multiple of every element and of a cache line. Of
/// 64 KiB, 256 KiB and 1 MiB the best or within noise for pipes and sockets; with both directions'
/// buffers it stays in a core's second-level cache.
inline constexpr std::size_t kChunkBytes = std::size_t{64} << 10;

/// One end of a channel. Message queues take messages of a fixed size at most, and receive only
/// into a buffer of that size: `bounce`.
struct ChannelEnd {
  ChannelKind kind = ChannelKind::pipe;
  Descriptor in{};
  Descriptor separate_out{};  ///< not of a socket, which sends through `in`
  std::span<std::byte> bounce{};

  int out() const { return kind == ChannelKind::socket ? in.get() : separate_out.get(); }
  /// Bytes moved, 0 when the other end is closed (receive), or -1 with errno.
  ssize_t send_some(std::span<const std::byte> bytes) const;
  ssize_t receive_some(std::span<std::byte> bytes) const;
  /// All of them, by an end that blocks. False when the other end is closed.
  bool send(std::span<const std::byte> bytes) const;
  bool receive(std::span<std::byte> bytes) const;
};

/// A channel before its worker is forked: the caller's files do not block, the worker's do.
struct Channel {
  explicit Channel(ChannelKind kind) : caller{kind}, worker{kind} {}
  ChannelEnd caller;
  ChannelEnd worker;
  std::size_t message_bytes = 0;  ///< the largest message of a queue
};

/// One of `channels` channels. Throws Unavailable with the limit that is in the way.
Channel open_channel(ChannelKind kind, int channels);

/// What the kernel may hold of a channel's data, in bytes.
std::size_t kernel_bytes(ChannelKind kind);

/// What goes to a worker: the same number of bytes of one array or of several, in turns of a chunk,
/// so that the worker can begin with the first.
class Cargo {
 public:
  Cargo() = default;
  Cargo(std::span<void* const> arrays, std::size_t bytes, std::size_t chunk_bytes)
      : count_(arrays.size()), bytes_(bytes), turn_(count_ == 1 ? bytes : chunk_bytes) {
    for (std::size_t i = 0; i < count_; ++i) next_[i] = static_cast<const std::byte*>(arrays[i]);
  }

  bool empty() const { return bytes_ == 0; }
  /// What is to be sent next, as far as it lies in one piece.
  std::span<const std::byte> next() const { return {next_[at_], piece() - sent_}; }
  /// So many bytes of next() have been sent.
  void sent(std::size_t bytes) {
    next_[at_] += bytes;
    sent_ += bytes;
    if (sent_ < piece()) return;
    sent_ = 0;
    if (++at_ < count_) return;
    at_ = 0;
    bytes_ -= piece();
  }

 private:
  std::size_t piece() const { return std::min(turn_, bytes_); }

  std::array<const std::byte*, kMostArrays> next_{};
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;  // of each array, from this turn on
  std::size_t turn_ = 0;
  std::size_t at_ = 0;    // the array whose turn it is
  std::size_t sent_ = 0;  // of this turn's piece
};

/// One process a worker, and a channel to each. The caller is no worker: it has its hands full with
/// sending and receiving. It runs on the CPUs of its workers: what one core writes into a channel
/// another one reads from that core's cache, and on a virtual Xeon that makes 0.2 to 0.6 GB/s of
/// the 2 to 6 that a copy through a channel reaches when both ends take turns on one core.
class Farm {
 public:
  using Serve = std::function<void(int worker, const ChannelEnd& end)>;

  /// Forks the workers; each calls `serve` once. Throws Unavailable.
  Farm(int workers, const Placement& placement, ChannelKind kind, Serve serve);
  Farm(const Farm&) = delete;
  Farm& operator=(const Farm&) = delete;

  /// What exchange() is to carry to worker `worker` and what it is to take from there. May be the
  /// same memory when an element comes back after it has been sent.
  void give(int worker, const Cargo& there, std::span<std::byte> back);

  /// Carries all that was given, and returns when all of it is back. Throws std::runtime_error when
  /// a worker has ended.
  void exchange();

  std::vector<pid_t> processes() const { return pids(children_); }

 private:
  struct Line {
    ChannelEnd end;
    Cargo there{};
    std::span<std::byte> back{};
  };

  bool move(Line& line, int worker);
  std::size_t moved(ssize_t size, int worker);
  void wait();
  [[noreturn]] void lost(int worker);

  CallerBinding binding_;
  Serve serve_;
  std::vector<std::byte> bounce_;
  std::vector<Line> lines_;  // by worker
  std::vector<Child> children_;
};

}  // namespace crossover::cpu
