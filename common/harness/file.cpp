#include "common/harness/file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "common/descriptor.hpp"

namespace crossover {

void throw_errno(int error, const char* what, const std::filesystem::path& path) {
  throw std::system_error(error, std::generic_category(),
                          fmt::format("{} {}", what, path.string()));
}

void create_folder_of(const std::filesystem::path& path) {
  std::error_code error;
  std::filesystem::create_directories(folder_of(path), error);
  if (error) throw_errno(error.value(), "cannot create the folder of", path);
}

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
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
  create_folder_of(path);
  std::filesystem::path temporary = path;
  temporary += fmt::format(".{}.tmp", ::getpid());
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
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
  const Descriptor entry(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (entry.get() >= 0) ::fsync(entry.get());
}

NewFiles::~NewFiles() {
  for (const std::filesystem::path& path : paths_) ::unlink(path.c_str());
}

Descriptor NewFiles::create(const std::filesystem::path& path) {
  create_folder_of(path);
  Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) throw_errno(errno, "cannot create", path);
  add(path);
  return file;
}

Descriptor reserve_room(const std::filesystem::path& folder, std::uint64_t bytes) {
  Descriptor room(::open(folder.c_str(), O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
  if (room.get() >= 0 && ::fallocate(room.get(), 0, 0, static_cast<off_t>(bytes)) != 0) {
    return Descriptor();
  }
  return room;
}

std::filesystem::path numbered(const std::filesystem::path& path, int number) {
  if (number == 1) return path;
  std::filesystem::path name = path.stem();
  name += fmt::format("-{}", number);
  name += path.extension();
  return std::filesystem::path(path).replace_filename(name);
}

std::filesystem::path folder_of(const std::filesystem::path& path) {
  return path.has_parent_path() ? path.parent_path() : ".";
}

}  // namespace crossover
