#include "common/harness/csv.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <system_error>
#include <utility>

#include "common/harness/file.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"

namespace crossover {
namespace {

void append_field(std::string& line, std::string_view text) {
  const bool utf8 = is_utf8(text);
  const bool quote = text.find_first_of(",\"") != std::string_view::npos;
  if (quote) line += '"';
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (code < 0x20 || code == 0x7F) {
      line += ' ';
    } else if (code >= 0x80 && !utf8) {
      line += '?';
    } else {
      if (c == '"') line += '"';
      line += c;
    }
  }
  if (quote) line += '"';
}

}  // namespace

std::string_view name(Status status) {
  switch (status) {
    case Status::ok:
      return "ok";
    case Status::noisy:
      return "noisy";
    case Status::skipped:
      return "skipped";
    case Status::failed:
      break;
  }
  return "failed";
}

std::string Row::configuration() const {
  return fmt::format("{}/{}/{}/{}/{}/n:{}/w:{}{}", workload, type, model, variant, scope, elements,
                     workers, cache == name(Cache::cold) ? "/cold" : "");
}

namespace {

std::string if_measured(const Row& row, double number) {
  return row.measured() ? format_number(number) : std::string();
}

struct RowColumn {
  Column is;
  std::string (*text)(const Row& row);
};

/// What a row's fields are, in order: the one list of them. The first 20 never change.
constexpr auto kRowColumns = std::to_array<RowColumn>({
    {{"schema", "", "row", "version of this format"},
     [](const Row&) { return std::to_string(kSchema); }},
    {{"run", "", "row", "id of the run, the same in its JSON"},
     [](const Row& row) { return row.run; }},
    {{"label", "", "row", "the machine's label"}, [](const Row& row) { return row.label; }},
    {{"time", "", "row", "when the sample ended, RFC 3339, UTC"},
     [](const Row& row) { return row.time; }},
    {{"workload", "", "row", "what was done"}, [](const Row& row) { return row.workload; }},
    {{"type", "", "row", "element type"}, [](const Row& row) { return row.type; }},
    {{"elements", "", "row", "how many elements, over all workers"},
     [](const Row& row) { return std::to_string(row.elements); }},
    {{"bytes", "B", "row", "the fewest bytes that one operation can move"},
     [](const Row& row) { return format_number(row.bytes); }},
    {{"model", "", "row", "who did it"}, [](const Row& row) { return row.model; }},
    {{"variant", "", "row", "how the model did it"}, [](const Row& row) { return row.variant; }},
    {{"scope", "", "row", "what the clock covered"}, [](const Row& row) { return row.scope; }},
    {{"workers", "", "row", "threads, processes, ranks or multiprocessors that took part"},
     [](const Row& row) { return std::to_string(row.workers); }},
    {{"device", "", "row", "what it ran on"}, [](const Row& row) { return row.device; }},
    {{"round", "", "row", "samples of one round were taken close together"},
     [](const Row& row) { return std::to_string(row.round); }},
    {{"iterations", "", "row", "operations averaged in this sample"},
     [](const Row& row) { return row.measured() ? std::to_string(row.iterations) : ""; }},
    {{"time_ns", "ns", "row", "mean time of one operation"},
     [](const Row& row) { return if_measured(row, row.time_ns); }},
    {{"gb_per_s", "GB/s", "row", "bytes / time_ns"},
     [](const Row& row) { return if_measured(row, row.gb_per_s()); }},
    {{"error", "", "row", "relative error of the result against an exact reference"},
     [](const Row& row) {
       return row.status == Status::skipped ? std::string() : format_number(row.error);
     }},
    {{"status", "", "row", "whether the sample counts"},
     [](const Row& row) { return std::string(name(row.status)); }},
    {{"note", "", "row", "why, for everything but ok"}, [](const Row& row) { return row.note; }},
    {{"cache", "", "row", "where operations found their data"},
     [](const Row& row) { return row.cache; }},
    {{"flops", "", "row", "arithmetic operations of one operation"},
     [](const Row& row) { return std::isnan(row.flops) ? "" : format_number(row.flops); }},
});

}  // namespace

std::vector<Column> row_columns() {
  std::vector<Column> columns;
  for (const RowColumn& column : kRowColumns) columns.push_back(column.is);
  return columns;
}

std::string csv_header(const std::vector<std::string>& extra) {
  std::string line;
  for (const RowColumn& column : kRowColumns) {
    line += fmt::format("{}{}", line.empty() ? "" : ",", column.is.name);
  }
  for (const std::string& column : extra) line += ',' + column;
  return line;
}

std::string csv_line(const Row& row, const std::vector<std::string>& extra) {
  std::string line;
  for (const RowColumn& column : kRowColumns) {
    if (!line.empty()) line += ',';
    append_field(line, column.text(row));
  }
  for (const std::string& column : extra) {
    line += ',';
    const auto value = std::find_if(row.extra.begin(), row.extra.end(),
                                    [&](const auto& entry) { return entry.first == column; });
    if (value != row.extra.end()) line += format_number(value->second);
  }
  return line;
}

CsvWriter::CsvWriter(int descriptor, std::filesystem::path path, std::vector<std::string> extra)
    : descriptor_(descriptor), path_(std::move(path)), extra_(std::move(extra)) {}

CsvWriter::CsvWriter(CsvWriter&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      path_(std::move(other.path_)),
      extra_(std::move(other.extra_)),
      size_(other.size_) {}

CsvWriter& CsvWriter::operator=(CsvWriter&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  std::swap(extra_, other.extra_);
  std::swap(size_, other.size_);
  return *this;
}

CsvWriter::~CsvWriter() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

CsvWriter CsvWriter::create(const std::filesystem::path& path, std::vector<std::string> extra) {
  if (path.has_parent_path()) {
    std::error_code error;
    std::filesystem::create_directories(path.parent_path(), error);
    if (error) throw_errno(error.value(), "cannot create the folder of", path);
  }
  const int descriptor =
      ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (descriptor < 0) throw_errno(errno, "cannot create", path);
  CsvWriter writer(descriptor, path, std::move(extra));
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
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) throw_errno(errno, "cannot append to", path);
  CsvWriter writer(descriptor, path, std::move(extra));
  writer.lock();
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) throw_errno(errno, "cannot examine", path);
  if (!S_ISREG(status.st_mode)) throw_errno(EINVAL, "no ordinary file:", path);
  if (static_cast<std::uint64_t>(status.st_size) < valid_bytes) {
    throw_errno(EINVAL, "shorter than when it was read:", path);
  }
  if (::ftruncate(descriptor, static_cast<off_t>(valid_bytes)) != 0) {
    throw_errno(errno, "cannot cut back", path);
  }
  writer.size_ = valid_bytes;
  if (valid_bytes == 0) writer.write_line(csv_header(writer.extra_));
  return writer;
}

void CsvWriter::append(const Row& row) { write_line(csv_line(row, extra_)); }

void CsvWriter::lock() const {
  // A file system without locks is no reason not to write.
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    throw_errno(EBUSY, "another process is writing", path_);
  }
}

void CsvWriter::write_line(std::string line) {
  line += '\n';
  std::size_t done = 0;
  while (done < line.size()) {
    const ssize_t count = ::write(descriptor_, line.data() + done, line.size() - done);
    if (count > 0) {
      done += static_cast<std::size_t>(count);  // a short write: the next one tells why
      continue;
    }
    if (count < 0 && errno == EINTR) continue;
    const int error = count < 0 ? errno : ENOSPC;
    if (done > 0 && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0) {
      throw_errno(error, "cannot write a line, nor take back the part of it in", path_);
    }
    throw_errno(error, "cannot write to", path_);
  }
  size_ += line.size();
}

}  // namespace crossover
