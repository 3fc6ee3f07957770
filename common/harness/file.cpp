#include "common/harness/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace crossover {
namespace {

/// A file descriptor that closes itself.
class Descriptor {
 public:
  Descriptor(const std::filesystem::path& path, int flags)
      : descriptor_(::open(path.c_str(), flags | O_CLOEXEC, 0644)) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  /// Some file systems report a failed write only here.
  bool close() { return ::close(std::exchange(descriptor_, -1)) == 0; }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// 0, or the error.
int write_all(int descriptor, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(descriptor, text.data(), text.size());
    if (count > 0) {
      text.remove_prefix(static_cast<std::size_t>(count));
    } else if (count == 0) {
      return ENOSPC;
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

}  // namespace

void throw_errno(int error, const char* what, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("{} {}", what, path.string()));
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(path, O_RDONLY);
  if (file.get() < 0) throw_errno(errno, "cannot open", path);
  std::string text;
  std::array<char, 65536> part;
  for (;;) {
    const ssize_t count = ::read(file.get(), part.data(), part.size());
    if (count == 0) return text;
    if (count > 0) {
      text.append(part.data(), static_cast<std::size_t>(count));
    } else if (errno != EINTR) {
      throw_errno(errno, "cannot read", path);
    }
  }
}

void replace_file(const std::filesystem::path& path, std::string_view contents) {
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  std::error_code failure;
  std::filesystem::create_directories(folder, failure);
  if (failure) throw_errno(failure.value(), "cannot create the folder of", path);

  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  Descriptor file(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (file.get() < 0) throw_errno(errno, "cannot create", temporary);
  int error = write_all(file.get(), contents);
  if (error == 0 && ::fsync(file.get()) != 0) error = errno;
  if (!file.close() && error == 0) error = errno;
  if (error == 0 && ::rename(temporary.c_str(), path.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    throw_errno(error, "cannot write", path);
  }
  // The rename reaches the disk with its folder. Not every file system can sync one; the contents
  // are safe either way.
  const Descriptor entry(folder, O_RDONLY | O_DIRECTORY);
  if (entry.get() >= 0) ::fsync(entry.get());
}

}  // namespace crossover
