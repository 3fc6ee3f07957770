#include "cpu/process/shared_memory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <new>
#include <utility>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "common/system_file.hpp"

namespace crossover::cpu {

namespace {

// Linux 6.1; not in Debian 12's headers.
constexpr int kCollapse = 25;

class File {
 public:
  explicit File(int descriptor) : descriptor_(descriptor) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

[[noreturn]] void refused(std::string_view what, std::size_t bytes, int error) {
  throw Unavailable(fmt::format("{} of {:.1f} MiB: {}", what, static_cast<double>(bytes) / 0x1p20,
                                std::strerror(error)));
}

int open_memory(std::size_t bytes) {
  const int file = memfd_create("crossover", MFD_CLOEXEC);
  if (file < 0) refused("the system refused shared memory", bytes, errno);
  return file;
}

std::filesystem::path folder() {
  std::error_code error;
  const auto path = std::filesystem::temp_directory_path(error);
  if (error) throw Unavailable("there is no folder for temporary files");
  return path;
}

int open_file(std::size_t bytes) {
  const std::filesystem::path in = folder();
  int file = open(in.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file < 0) {
    // A file system without nameless files: the name goes before anything is in the file.
    std::string name = (in / "crossover-XXXXXX").string();
    file = mkostemp(name.data(), O_CLOEXEC);
    if (file < 0) refused("cannot make a temporary file", bytes, errno);
    unlink(name.c_str());
  }
  return file;
}

/// Sizes the file. Blocks of a disk are taken now: a full disk would kill whoever writes later.
void reserve(const File& file, std::size_t bytes, SharedMemory::Backing backing) {
  const auto length = static_cast<off_t>(bytes);
  if (backing == SharedMemory::Backing::memory) {
    if (ftruncate(file.get(), length) != 0) {
      refused("the system refused shared memory", bytes, errno);
    }
  } else if (const int error = posix_fallocate(file.get(), 0, length); error != 0) {
    refused("the system refused a temporary file", bytes, error);
  }
}

/// Whether the system gives a Buffer huge pages when asked: what one model gets all get, and what
/// is forbidden to one is forbidden to all.
bool huge_pages_allowed() {
  const auto enabled = read_word("/sys/kernel/mm/transparent_hugepage/enabled");
  return enabled && enabled->find("[never]") == std::string::npos;
}

}  // namespace

SharedMemory::SharedMemory(std::size_t bytes, Backing backing)
    : mapped_(Buffer::mapped_bytes(bytes)) {
  if (mapped_ < bytes) throw std::bad_alloc();
  const File file(backing == Backing::memory ? open_memory(mapped_) : open_file(mapped_));
  reserve(file, mapped_, backing);
  // The file must begin at a huge page's address: a mapping that is trimmed at its front has huge
  // pages nowhere.
  const std::size_t reserved = mapped_ + Buffer::kAlignment;
  void* const raw =
      mmap(nullptr, reserved, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (raw == MAP_FAILED) throw std::bad_alloc();
  const auto start = reinterpret_cast<std::uintptr_t>(raw);
  const auto aligned = (start + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  void* const at = mmap(reinterpret_cast<void*>(aligned), mapped_, PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_FIXED, file.get(), 0);
  if (at == MAP_FAILED) {
    munmap(raw, reserved);
    throw std::bad_alloc();
  }
  if (aligned > start) munmap(raw, aligned - start);
  if (start + reserved > aligned + mapped_) {
    munmap(reinterpret_cast<void*>(aligned + mapped_), start + reserved - aligned - mapped_);
  }
  data_ = at;
  huge_ = huge_pages_allowed();
  if (huge_) madvise(data_, mapped_, MADV_HUGEPAGE);
}

SharedMemory::SharedMemory(SharedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      mapped_(std::exchange(other.mapped_, 0)),
      huge_(other.huge_) {}

SharedMemory& SharedMemory::operator=(SharedMemory&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(mapped_, other.mapped_);
  std::swap(huge_, other.huge_);
  return *this;
}

SharedMemory::~SharedMemory() {
  if (data_ != nullptr) munmap(data_, mapped_);
}

void SharedMemory::first_touch(std::size_t first, std::size_t bytes) const {
  const auto up = [](std::size_t at) {
    return (at + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  };
  const std::size_t begin = up(first);
  const std::size_t end = std::min(up(first + bytes), mapped_);
  if (begin >= end) return;
  auto* const memory = static_cast<volatile char*>(data_);
  // One small page says on which NUMA node the huge one is to be.
  for (std::size_t at = begin; at < end; at += Buffer::kAlignment) memory[at] = 0;
  // Shared memory has huge pages by itself only where shmem_enabled says so, and by default it says
  // never. Collapsing asks for them explicitly, whatever it says; where the kernel cannot, the
  // small pages stay.
  if (huge_) madvise(static_cast<char*>(data_) + begin, end - begin, kCollapse);
}

std::string SharedMemory::pages() {
  const auto shmem = read_word("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (!huge_pages_allowed()) return "small pages: transparent huge pages are switched off";
  try {
    const SharedMemory probe(Buffer::kAlignment, Backing::memory);
    *static_cast<volatile char*>(probe.data_) = 0;
    if (madvise(probe.data_, Buffer::kAlignment, kCollapse) == 0) {
      return "huge pages, by MADV_COLLAPSE";
    }
  } catch (const std::exception&) {
    return "none: the system refused shared memory";
  }
  const bool given = shmem && (shmem->find("[always]") != std::string::npos ||
                               shmem->find("[advise]") != std::string::npos ||
                               shmem->find("[within_size]") != std::string::npos ||
                               shmem->find("[force]") != std::string::npos);
  if (given) return "huge pages, by shmem_enabled";
  return fmt::format("small pages: shmem_enabled is {}, and there is no MADV_COLLAPSE",
                     shmem.value_or("missing"));
}

std::string SharedMemory::file_system() {
  try {
    struct statfs status {};
    if (statfs(folder().c_str(), &status) != 0) return "unknown";
    return status.f_type == TMPFS_MAGIC ? "memory (tmpfs)" : "a disk";
  } catch (const Unavailable&) {
    return "nowhere";
  }
}

}  // namespace crossover::cpu
