#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "common/harness/csv.hpp"
#include "common/harness/file.hpp"

namespace crossover {

CsvWriter::CsvWriter(Descriptor file, std::filesystem::path path, std::vector<std::string> extra)
    : file_(std::move(file)), path_(std::move(path)), extra_(std::move(extra)) {}

CsvWriter CsvWriter::create(const std::filesystem::path& path, std::vector<std::string> extra) {
  create_folder_of(path);
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (file.get() < 0) throw_errno(errno, "cannot create", path);
  CsvWriter writer(std::move(file), path, std::move(extra));
  writer.lock();
  try {
    writer.write_line(csv_header(writer.extra_));
  } catch (const std::system_error&) {
    ::unlink(path.c_str());  // ours since O_EXCL, and nothing in it
    throw;
  }
  return writer;
}

CsvWriter CsvWriter::append_to(const std::filesystem::path& path, std::uint64_t valid_bytes,
                               std::vector<std::string> extra) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC));
  if (file.get() < 0) throw_errno(errno, "cannot append to", path);
  CsvWriter writer(std::move(file), path, std::move(extra));
  writer.lock();
  struct stat status {};
  if (::fstat(writer.file_.get(), &status) != 0) throw_errno(errno, "cannot examine", path);
  if (!S_ISREG(status.st_mode)) throw_errno(EINVAL, "no ordinary file:", path);
  if (static_cast<std::uint64_t>(status.st_size) < valid_bytes) {
    throw_errno(EINVAL, "shorter than when it was read:", path);
  }
  if (::ftruncate(writer.file_.get(), static_cast<off_t>(valid_bytes)) != 0) {
    throw_errno(errno, "cannot cut back", path);
  }
  writer.size_ = valid_bytes;
  if (valid_bytes == 0) writer.write_line(csv_header(writer.extra_));
  return writer;
}

void CsvWriter::append(const Row& row) { write_line(csv_line(row, extra_)); }

void CsvWriter::lock() const {
  // A file system without locks is no reason not to write.
  if (::flock(file_.get(), LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw_errno(EBUSY, "another process is writing", path_);
  }
}

void CsvWriter::write_line(std::string line) {
  line += '\n';
  std::string_view left = line;
  const int error = write_all(file_.get(), left);
  if (error != 0) {
    const bool written = left.size() < line.size();
    if (written && ::ftruncate(file_.get(), static_cast<off_t>(size_)) != 0) {
      throw_errno(error, "cannot write a line, nor take back the part of it in", path_);
    }
    throw_errno(error, "cannot write to", path_);
  }
  size_ += line.size();
}

}  // namespace crossover
