#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/buffer.hpp"
#include "common/descriptor.hpp"

namespace crossover::cpu {

/// Memory that a process shares with those it forks later, aligned and rounded like a Buffer,
/// zeroed and untouched. Owns its mapping. Nothing of it has a name that could be left behind.
class SharedMemory {
 public:
  static constexpr std::string_view kName = "that processes share";
  /// What shm_open() gives, without the name and without the size of /dev/shm, which is 64 MiB in
  /// many containers: memfd_create(). The memory counts against the control group as any. Throws
  /// Unavailable with the limit that is in the way, or std::bad_alloc.
  explicit SharedMemory(std::size_t bytes);

  void* data() const { return buffer_.data(); }

  /// Touches the huge pages that begin in [first, first + bytes) of the memory before anything else
  /// has, so that they lie where the calling process runs, and asks for real huge pages. Not at the
  /// same time as anything else on the memory but first_touch() of other parts.
  void first_touch(std::size_t first, std::size_t bytes) const;

  /// Which pages it lies on here, for the run's description.
  static std::string pages();

 protected:
  SharedMemory(std::size_t bytes, const Descriptor& file);

 private:
  Buffer buffer_;
  std::size_t mapped_;
  bool huge_;  // whether to ask for huge pages
};

/// A file without a name in the folder for temporary files, its blocks taken. Throws Unavailable.
Descriptor open_temporary_file(std::size_t bytes);

/// The same with a file behind it that has no name, in the folder for temporary files.
struct MappedFile : SharedMemory {
  static constexpr std::string_view kName = "of a file";
  explicit MappedFile(std::size_t bytes);
  /// Where it lies here: "a disk" or "memory (tmpfs)".
  static std::string file_system();
};

}  // namespace crossover::cpu
