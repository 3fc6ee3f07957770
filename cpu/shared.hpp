#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>
#include <span>

namespace crossover::cpu {

/// Objects in memory that is shared with the processes that are forked later. They end with this,
/// in this process only.
template <class T>
class InSharedMemory {
 public:
  /// `count` of them, all made from the same arguments. Throws std::bad_alloc.
  template <class... Arguments>
  explicit InSharedMemory(std::size_t count, const Arguments&... arguments)
      : memory_(map(count * sizeof(T)), {count * sizeof(T)}), all_(memory_.get(), count) {
    for (T& one : all_) new (&one) T(arguments...);
  }
  InSharedMemory(const InSharedMemory&) = delete;
  InSharedMemory& operator=(const InSharedMemory&) = delete;
  ~InSharedMemory() { std::destroy(all_.begin(), all_.end()); }

  std::span<T> all() const { return all_; }
  T* operator->() const { return memory_.get(); }

 private:
  struct Unmap {
    std::size_t bytes;
    void operator()(T* memory) const { munmap(memory, bytes); }
  };
  static T* map(std::size_t bytes) {
    void* const memory =
        mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    return static_cast<T*>(memory);
  }

  std::unique_ptr<T, Unmap> memory_;
  std::span<T> all_;
};

}  // namespace crossover::cpu
