#include <fcntl.h>
#include <fmt/format.h>
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
  NewFiles made;
  CsvWriter writer(made.create(path), path, std::move(extra));
  writer.lock();
  writer.write_line(csv_header(writer.extra_));
  made.keep();
  return writer;
}

CsvWriter CsvWriter::append_to(const std::filesystem::path& path, std::uint64_t valid_bytes,
                               std::vector<std::string> extra) {
  Descriptor file(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
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
  writer.lines_ = read_file(path);
  if (valid_bytes == 0) writer.write_line(csv_header(writer.extra_));
  return writer;
}

void CsvWriter::append(const Row& row) {
  const std::string line = csv_line(row, extra_);
  if (const std::string_view what = change(); !what.empty()) {
    lines_ += line + '\n';
    write_again(what);
  }
  write_line(line);
}

void CsvWriter::check() {
  if (const std::string_view what = change(); !what.empty()) write_again(what);
}

std::string_view CsvWriter::change() const {
  struct stat ours {};
  struct stat there {};
  if (::fstat(file_.get(), &ours) != 0) throw_errno(errno, "cannot examine", path_);
  if (ours.st_nlink == 0) return "removed";
  if (::stat(path_.c_str(), &there) != 0 || there.st_ino != ours.st_ino ||
      there.st_dev != ours.st_dev) {
    return "moved away";
  }
  return static_cast<std::size_t>(ours.st_size) == lines_.size() ? "" : "written to";
}

void CsvWriter::write_again(std::string_view change) {
  const std::filesystem::path before = path_;
  std::filesystem::path wanted = path_;
  wanted.replace_extension(".rescued.csv");
  NewFiles made;
  int number = 1;
  while (std::filesystem::exists(numbered(wanted, number))) ++number;
  path_ = numbered(wanted, number);
  file_ = made.create(path_);
  std::string_view left = lines_;
  if (const int error = write_all(file_.get(), left)) throw_errno(error, "cannot write", path_);
  made.keep();
  throw FileChanged(fmt::format("{} was {} by somebody else; its rows are in {}", before.string(),
                                change, path_.string()));
}

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
    if (written && ::ftruncate(file_.get(), static_cast<off_t>(lines_.size())) != 0) {
      throw_errno(error, "cannot write a line, nor take back the part of it in", path_);
    }
    throw_errno(error, "cannot write to", path_);
  }
  lines_ += line;
}

}  // namespace crossover
