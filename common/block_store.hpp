#pragma once

#include <memory>
#include <utility>

namespace crossover {

/// What a sample may leave to the next one of its block: memory that the same workers have placed,
/// with data in it.
class Left {
 public:
  Left() = default;
  Left(const Left&) = delete;
  Left& operator=(const Left&) = delete;
  virtual ~Left() = default;
};

/// Where it lies meanwhile. A block is a round's samples of one size and team size, which follow
/// one another: what is dear to set up is set up once for all of them, and anew in the next round.
/// Whoever prepares a sample takes what is there and leaves it again when all is right.
class BlockStore {
 public:
  bool empty() const { return left_ == nullptr; }
  void clear() { left_.reset(); }
  void leave(std::unique_ptr<Left> what) { left_ = std::move(what); }
  /// Null when nothing of this type is there.
  template <class T>
  std::unique_ptr<T> take() {
    if (dynamic_cast<T*>(left_.get()) == nullptr) return nullptr;
    return std::unique_ptr<T>(static_cast<T*>(left_.release()));
  }

 private:
  std::unique_ptr<Left> left_;
};

}  // namespace crossover
