#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/descriptor.hpp"
#include "common/model.hpp"

namespace crossover {

enum class Status { ok, noisy, skipped, failed };

inline constexpr std::array kStatuses{Status::ok, Status::noisy, Status::skipped, Status::failed};

constexpr std::string_view name(Status status) {
  constexpr std::array<std::string_view, 4> names{"ok", "noisy", "skipped", "failed"};
  return names[static_cast<std::size_t>(status)];
}

/// One line of the CSV: one configuration in one round. For the columns' meaning see
/// row_columns(). Without a measurement the fields for iterations, time and rate stay empty, and in
/// a `skipped` row the error too.
struct Row {
  std::string run;
  std::string label;
  std::string time;  ///< RFC 3339, UTC
  std::string workload;
  std::string type;
  std::uint64_t elements = 0;
  double bytes = 0;
  std::string model;
  std::string variant;
  std::string scope;
  int workers = 0;
  std::string device;
  int round = 0;
  std::int64_t iterations = 0;
  double time_ns = 0;
  double error = 0;
  Status status = Status::ok;
  std::string note;
  std::string cache{name(Cache::warm)};
  /// Of one operation; NaN in a row of a file that does not tell.
  double flops = std::numeric_limits<double>::quiet_NaN();
  /// Values of the columns that the models append, by name; what is not there stays empty.
  std::vector<std::pair<std::string, double>> extra;

  /// Configuration::name().
  std::string configuration() const;
  /// bytes / time_ns.
  double gb_per_s() const { return bytes / time_ns; }
  /// Whether there is a measurement: `skipped` rows have none, and neither has a `failed` row whose
  /// operation threw before its first sample ended.
  bool measured() const { return status != Status::skipped && iterations > 0; }
};

inline constexpr int kSchema = 1;

/// The columns that every row has, in order, with what they mean.
std::vector<Column> row_columns();

/// The header line, without the line end; `extra` are columns appended by models.
std::string csv_header(const std::vector<std::string>& extra = {});

/// One record by RFC 4180, without the line end. Numbers in the shortest form that reads back the
/// same, in the C locale whatever the process's. Control characters in texts become spaces, so that
/// a row is one line, and what is not UTF-8 becomes '?'.
std::string csv_line(const Row& row, const std::vector<std::string>& extra = {});

/// Thrown by CsvWriter::append() when somebody else removed or changed the results file.
class FileChanged : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A results file being written. Each append is one write of one whole line; when the disk does
/// not take it, the file is cut back to its last whole line. The file is locked (flock) against a
/// second writer, and looked at before each line: all its lines are held in memory as well. Not
/// thread-safe. SIGXFSZ must be ignored for a file-size limit to come as an exception.
class CsvWriter {
 public:
  /// Creates `path` (and its folder) with the header. Throws std::system_error, naming the path;
  /// an existing file is an error.
  static CsvWriter create(const std::filesystem::path& path, std::vector<std::string> extra = {});
  /// Continues `path` behind its first `valid_bytes` bytes; what follows them is cut off. With 0
  /// bytes the header is written anew. Throws std::system_error, naming the path.
  static CsvWriter append_to(const std::filesystem::path& path, std::uint64_t valid_bytes,
                             std::vector<std::string> extra = {});

  /// Throws std::system_error when the system refuses; the file then holds all earlier rows. Throws
  /// FileChanged, with what happened, when the file is not as it was left; all rows, this one as
  /// well, are then in a new file beside it, which path() names.
  void append(const Row& row);
  /// As append(), without a row.
  void check();

  const std::filesystem::path& path() const { return path_; }

 private:
  CsvWriter(Descriptor file, std::filesystem::path path, std::vector<std::string> extra);
  void lock() const;
  void write_line(std::string line);
  std::string_view change() const;
  void write_again(std::string_view change);

  Descriptor file_;
  std::filesystem::path path_;
  std::vector<std::string> extra_;  ///< names of the appended columns
  std::string lines_;               ///< all that the file should hold
};

/// What a results file holds.
struct CsvContents {
  std::vector<std::string> columns;  ///< none, where the header is not whole
  std::vector<Row> rows;
  std::uint64_t valid_bytes = 0;  ///< up to the end of the last whole line
  bool torn = false;              ///< the last line was cut off
};

/// Reads a results file of this schema as this program writes it, or as a tool saved it again (byte
/// order mark, CRLF, fields quoted without need). Columns behind the first 20 may be missing, and
/// those that models append are passed over. Throws std::runtime_error with one line (what is
/// wrong, in which line of the file); a file that ends in the middle of a line is no error.
CsvContents read_csv(const std::filesystem::path& path);
CsvContents parse_csv(std::string_view text);

}  // namespace crossover
