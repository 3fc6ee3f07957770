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

#include "common/model.hpp"
#include "common/system_file.hpp"

namespace crossover::cpu {

namespace {

// Linux 6.1; not in Debian 12's headers.
constexpr int kCollapse = 25;

[[noreturn]] void refused(std::string_view what, std::size_t bytes, int error) {
  throw Unavailable(fmt::format("{} of {:.1f} MiB: {}", what, static_cast<double>(bytes) / 0x1p20,
                                std::strerror(error)));
}

/// What is mapped for `bytes` bytes.
std::size_t rounded(std::size_t bytes) {
  const std::size_t mapped = Buffer::mapped_bytes(bytes);
  if (mapped < bytes) throw std::bad_alloc();
  return mapped;
}

Descriptor open_memory(std::size_t bytes) {
  Descriptor file(memfd_create("crossover", MFD_CLOEXEC));
  if (file.get() < 0 || ftruncate(file.get(), static_cast<off_t>(bytes)) != 0) {
    refused("the system refused shared memory", bytes, errno);
  }
  return file;
}

std::filesystem::path folder() {
  std::error_code error;
  const auto path = std::filesystem::temp_directory_path(error);
  if (error) throw Unavailable("there is no folder for temporary files");
  return path;
}

}  // namespace

Descriptor open_temporary_file(std::size_t bytes) {
  const std::filesystem::path in = folder();
  Descriptor file(open(in.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (file.get() < 0) {
    // A file system without nameless files: the name goes before anything is in the file.
    std::string name = (in / "crossover-XXXXXX").string();
    file = Descriptor(mkostemp(name.data(), O_CLOEXEC));
    if (file.get() < 0) refused("cannot make a temporary file", bytes, errno);
    unlink(name.c_str());
  }
  // Blocks of a disk are taken now: a full disk would kill whoever writes later.
  if (const int error = posix_fallocate(file.get(), 0, static_cast<off_t>(bytes)); error != 0) {
    refused("the system refused a temporary file", bytes, error);
  }
  return file;
}

SharedMemory::SharedMemory(std::size_t bytes) : SharedMemory(bytes, open_memory(rounded(bytes))) {}

MappedFile::MappedFile(std::size_t bytes)
    : SharedMemory(bytes, open_temporary_file(rounded(bytes))) {}

// The file must begin at a huge page's address, as a Buffer does, whose place it takes: a mapping
// that is trimmed at its front has huge pages nowhere.
SharedMemory::SharedMemory(std::size_t bytes, const Descriptor& file)
    : buffer_(bytes), mapped_(rounded(bytes)), huge_(huge_pages_allowed()) {
  if (mmap(data(), mapped_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.get(), 0) ==
      MAP_FAILED) {
    throw std::bad_alloc();
  }
  if (huge_) madvise(data(), mapped_, MADV_HUGEPAGE);
}

void SharedMemory::first_touch(std::size_t first, std::size_t bytes) const {
  const auto up = [](std::size_t at) {
    return (at + Buffer::kAlignment - 1) / Buffer::kAlignment * Buffer::kAlignment;
  };
  const std::size_t begin = up(first);
  const std::size_t end = std::min(up(first + bytes), mapped_);
  if (begin >= end) return;
  auto* const memory = static_cast<volatile char*>(data());
  // One small page says on which NUMA node the huge one is to be.
  for (std::size_t at = begin; at < end; at += Buffer::kAlignment) memory[at] = 0;
  // Shared memory has huge pages by itself only where shmem_enabled says so, and by default it says
  // never. Collapsing asks for them explicitly, whatever it says; where the kernel cannot, the
  // small pages stay.
  if (huge_) madvise(static_cast<char*>(data()) + begin, end - begin, kCollapse);
}

std::string SharedMemory::pages() {
  const auto shmem = read_word("/sys/kernel/mm/transparent_hugepage/shmem_enabled");
  if (!huge_pages_allowed()) return "small pages: transparent huge pages are switched off";
  try {
    const SharedMemory probe(Buffer::kAlignment);
    *static_cast<volatile char*>(probe.data()) = 0;
    if (madvise(probe.data(), Buffer::kAlignment, kCollapse) == 0) {
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

std::string MappedFile::file_system() {
  try {
    struct statfs status {};
    if (statfs(folder().c_str(), &status) != 0) return "unknown";
    return status.f_type == TMPFS_MAGIC ? "memory (tmpfs)" : "a disk";
  } catch (const Unavailable&) {
    return "nowhere";
  }
}

}  // namespace crossover::cpu
