#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace crossover {

/// What a sample may leave to the next one of its block: memory that its workers have placed, with
/// data in it.
class Left {
 public:
  Left() = default;
  Left(const Left&) = delete;
  Left& operator=(const Left&) = delete;
  virtual ~Left() = default;
};

/// Where it lies meanwhile. A block is a round's samples of one size in one place, which follow one
/// another: what is dear to set up is set up once for all of them, and anew in the next round.
/// Whoever prepares a sample takes what is there and leaves it again when all is right.
class BlockStore {
 public:
  /// What there is of what a sample needs: memory, and data in the caches of its team's workers.
  struct Held {
    bool settled = false;
    std::uint64_t bytes = 0;
  };
  /// Before a sample of `block` in `round` by `team`, for which it takes `bytes`. Gives back what
  /// another block or round has left.
  Held enter(std::size_t block, int round, std::size_t team, std::uint64_t bytes) {
    const std::pair turn(block, round);
    if (std::exchange(turn_, turn) != turn) left_.reset();
    Held held;
    if (!empty()) held = {team == team_, bytes_};
    team_ = team;
    bytes_ = bytes;
    return held;
  }
  bool empty() const { return left_ == nullptr; }
  void leave(std::unique_ptr<Left> what) { left_ = std::move(what); }
  /// Null when nothing of this type is there.
  template <class T>
  std::unique_ptr<T> take() {
    if (dynamic_cast<T*>(left_.get()) == nullptr) return nullptr;
    return std::unique_ptr<T>(static_cast<T*>(left_.release()));
  }

 private:
  std::unique_ptr<Left> left_;
  std::pair<std::size_t, int> turn_{};  // block and round of it
  std::size_t team_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace crossover
