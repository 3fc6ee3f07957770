#pragma once

#include <cstddef>
#include <string>

namespace crossover::cpu {

/// Memory that a process shares with those it forks later, aligned and rounded like a Buffer,
/// zeroed and untouched. Owns its mapping. Nothing of it has a name that could be left behind.
class SharedMemory {
 public:
  enum class Backing {
    /// What shm_open() gives, without the name and without the size of /dev/shm, which is 64 MiB
    /// in many containers: memfd_create(). The memory counts against the control group as any.
    memory,
    /// A file without a name in the folder for temporary files.
    file,
  };

  SharedMemory() = default;
  /// Throws Unavailable with the limit that is in the way, or std::bad_alloc.
  explicit SharedMemory(std::size_t bytes, Backing backing = Backing::memory);
  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&& other) noexcept;
  ~SharedMemory();

  void* data() const { return data_; }

  /// Touches the huge pages that begin in [first, first + bytes) of the memory before anything else
  /// has, so that they lie where the calling process runs, and asks for real huge pages. Not at the
  /// same time as anything else on the memory but first_touch() of other parts.
  void first_touch(std::size_t first, std::size_t bytes) const;

  /// Which pages `memory` lies on here, for the run's description.
  static std::string pages();
  /// Where `file` lies here: "a disk" or "memory (tmpfs)".
  static std::string file_system();

 private:
  void* data_ = nullptr;
  std::size_t mapped_ = 0;
  bool huge_ = false;  // whether to ask for huge pages
};

/// With a file behind it.
struct MappedFile : SharedMemory {
  explicit MappedFile(std::size_t bytes) : SharedMemory(bytes, Backing::file) {}
};

}  // namespace crossover::cpu
