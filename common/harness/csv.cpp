#include "common/harness/csv.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "common/element.hpp"
#include "common/harness/file.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"
#include "common/system_file.hpp"

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

[[noreturn]] void fail(std::size_t line, const std::string& what) {
  throw std::runtime_error(fmt::format("line {}: {}", line, what));
}

/// Cuts RFC 4180 text into records.
class Records {
 public:
  explicit Records(std::string_view text) : text_(text) {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (text_.starts_with(kByteOrderMark)) position_ = kByteOrderMark.size();
  }

  /// Reads the next record into `fields`. False at the end of the text, and when the text ends
  /// before the record does.
  bool next(std::vector<std::string>& fields) {
    line_ = next_line_;
    fields.assign(1, {});
    enum { kPlain, kQuoted, kClosed } field_is = kPlain;
    std::size_t opened = 0;  // the line of the last opening mark
    for (std::size_t at = position_; at < text_.size(); ++at) {
      const char c = text_[at];
      std::string& field = fields.back();
      if (field_is == kQuoted) {
        if (c != '"') {
          field += c;
          next_line_ += c == '\n' ? 1 : 0;
        } else if (text_.substr(at).starts_with("\"\"")) {
          field += text_[at++];
        } else {
          field_is = kClosed;
        }
      } else if (c == ',') {
        fields.emplace_back();
        field_is = kPlain;
      } else if (c == '\n' || text_.substr(at).starts_with("\r\n")) {
        position_ = at + (c == '\n' ? 1 : 2);
        ++next_line_;
        return true;
      } else if (c == '\r') {
        if (at + 1 == text_.size()) return false;
        fail(next_line_, "a carriage return without a line feed");
      } else if (field_is == kClosed) {
        fail(next_line_, "text behind a quoted field; a comma or the line's end would be right");
      } else if (c != '"') {
        field += c;
      } else if (field.empty()) {
        field_is = kQuoted;
        opened = next_line_;
      } else {
        fail(next_line_,
             "a quotation mark inside a field; a field with one is quoted as a whole, "
             "with the mark doubled");
      }
    }
    // Only a torn last line may lack the closing mark. Its rest holds no line end, because no field
    // that this program writes does: more lines behind it are rows that must not be lost.
    if (field_is == kQuoted && next_line_ != opened) {
      fail(opened, "a quotation mark is opened and never closed");
    }
    return false;
  }

  std::size_t line() const { return line_; }          ///< where the last record began, from 1
  std::size_t position() const { return position_; }  ///< behind the last whole record

 private:
  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
};

/// What would be right where a field is wrong.
struct Wrong {
  std::string right;
};

template <class T>
T number_from(const std::string& field, T least) {
  const auto value = to_number<T>(field);
  if (!value || !(*value >= least)) throw Wrong{fmt::format("a number from {}", least)};
  if constexpr (std::is_floating_point_v<T>) {
    if (!std::isfinite(*value)) throw Wrong{"a finite number"};
  }
  return *value;
}

template <class E, std::size_t N>
E one_of(const std::string& field, const std::array<E, N>& values) {
  std::vector<std::string_view> names;
  for (const E value : values) {
    if (field == name(value)) return value;
    names.push_back(name(value));
  }
  throw Wrong{fmt::format("one of {}", fmt::join(names, ", "))};
}

void require_nothing(const std::string& field) {
  if (!field.empty()) throw Wrong{"nothing, because nothing was measured"};
}

template <auto kMember>
std::string text_of(const Row& row) {
  const auto& value = row.*kMember;
  if constexpr (std::is_floating_point_v<std::remove_cvref_t<decltype(value)>>) {
    return format_number(value);
  } else {
    return fmt::format("{}", value);
  }
}

template <auto kMember>
std::string if_measured(const Row& row) {
  return row.measured() ? text_of<kMember>(row) : "";
}

template <auto kMember>
void read(Row& row, const std::string& field) {
  auto& value = row.*kMember;
  if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
    value = number_from(field, std::remove_cvref_t<decltype(value)>{0});
  } else {
    if (field.empty()) throw Wrong{"something"};
    value = field;
  }
}

void read_schema(Row&, const std::string& field) {
  if (field != std::to_string(kSchema)) throw Wrong{std::to_string(kSchema)};
}

void read_status(Row& row, const std::string& field) { row.status = one_of(field, kStatuses); }

/// The name of one of `kValues`.
template <auto kMember, const auto& kValues>
void read_name(Row& row, const std::string& field) {
  row.*kMember = name(one_of(field, kValues));
}

/// As `kRead`, or nothing.
template <auto kRead>
void optional(Row& row, const std::string& field) {
  if (!field.empty()) kRead(row, field);
}

/// RFC 3339 in UTC, as utc_now() writes it.
bool is_utc_time(std::string_view text) {
  constexpr std::string_view kPattern = "0000-00-00T00:00:00.000Z";
  if (text.size() != kPattern.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    if (kPattern[i] == '0' ? !digit : text[i] != kPattern[i]) return false;
  }
  const auto two = [text](std::size_t at) { return (text[at] - '0') * 10 + text[at + 1] - '0'; };
  return two(5) >= 1 && two(5) <= 12 && two(8) >= 1 && two(8) <= 31 && two(11) <= 23 &&
         two(14) <= 59 && two(17) <= 60;
}

void read_time(Row& row, const std::string& field) {
  read<&Row::time>(row, field);
  if (!is_utc_time(field)) throw Wrong{"a time like 2026-01-31T12:00:00.123Z"};
}

void read_iterations(Row& row, const std::string& field) {
  // A failed row may have no measurement.
  if (row.status == Status::skipped || (row.status == Status::failed && field.empty())) {
    return require_nothing(field);
  }
  row.iterations = number_from<std::int64_t>(field, 1);
}

void read_time_ns(Row& row, const std::string& field) {
  if (!row.measured()) return require_nothing(field);
  row.time_ns = number_from(field, 0.0);
  if (row.time_ns == 0) throw Wrong{"a time above 0"};
}

void read_rate(Row& row, const std::string& field) {
  if (!row.measured()) return require_nothing(field);
  const double right = row.gb_per_s();
  if (!(std::abs(number_from(field, 0.0) - right) <= 1e-9 * right)) {
    throw Wrong{fmt::format("bytes / time_ns, {},", right)};
  }
}

void read_error(Row& row, const std::string& field) {
  if (row.status == Status::skipped) return require_nothing(field);
  const auto error = to_number<double>(field).value_or(-1);
  if (field != "nan" && !(error >= 0)) throw Wrong{"a number from 0, inf or nan"};
  row.error = error;
}

struct RowColumn {
  std::string_view name;
  std::string_view unit;
  std::string_view meaning;
  std::string (*text)(const Row& row);
  /// Row::status is known from the start. Throws Wrong.
  void (*read)(Row& row, const std::string& field);
};

/// A column that is a member: a text that is not empty, or a number from 0.
template <auto kMember>
constexpr RowColumn member(std::string_view name, std::string_view unit, std::string_view meaning) {
  return {name, unit, meaning, text_of<kMember>, read<kMember>};
}

/// What a row's fields are, in order: the one list of them.
constexpr std::array kRowColumns{
    RowColumn{"schema", "", "version of this format",
              [](const Row&) { return std::to_string(kSchema); }, read_schema},
    member<&Row::run>("run", "", "id of the run, the same in its JSON"),
    member<&Row::label>("label", "", "the machine's label"),
    RowColumn{"time", "", "when the sample ended, RFC 3339, UTC", text_of<&Row::time>, read_time},
    member<&Row::workload>("workload", "", "what was done"),
    RowColumn{"type", "", "element type", text_of<&Row::type>, read_name<&Row::type, kRowTypes>},
    member<&Row::elements>("elements", "", "how many elements, over all workers"),
    member<&Row::bytes>("bytes", "B", "the fewest bytes that one operation can move"),
    member<&Row::model>("model", "", "who did it"),
    RowColumn{"variant", "", "how the model did it", text_of<&Row::variant>,
              optional<read<&Row::variant>>},
    RowColumn{"scope", "", "what the clock covered", text_of<&Row::scope>,
              optional<read_name<&Row::scope, kScopes>>},
    member<&Row::workers>("workers", "",
                          "threads, processes, ranks or multiprocessors that took part"),
    member<&Row::device>("device", "", "what it ran on"),
    member<&Row::round>("round", "", "samples of one round were taken close together"),
    RowColumn{"iterations", "", "operations averaged in this sample", if_measured<&Row::iterations>,
              read_iterations},
    RowColumn{"time_ns", "ns", "mean time of one operation", if_measured<&Row::time_ns>,
              read_time_ns},
    RowColumn{"gb_per_s", "GB/s", "bytes / time_ns",
              [](const Row& row) { return row.measured() ? format_number(row.gb_per_s()) : ""; },
              read_rate},
    RowColumn{"error", "", "relative error of the result against an exact reference",
              [](const Row& row) {
                return row.status == Status::skipped ? "" : format_number(row.error);
              },
              read_error},
    RowColumn{"status", "", "whether the sample counts",
              [](const Row& row) { return std::string(name(row.status)); }, read_status},
    RowColumn{"note", "", "why, for everything but ok", text_of<&Row::note>,
              optional<read<&Row::note>>},
    RowColumn{"cache", "", "where operations found their data", text_of<&Row::cache>,
              read_name<&Row::cache, kCaches>},
    RowColumn{"flops", "", "arithmetic operations of one operation",
              [](const Row& row) { return std::isnan(row.flops) ? "" : format_number(row.flops); },
              optional<read<&Row::flops>>},
};

/// The columns that every results file begins with, and that never change; those behind them came
/// later.
constexpr std::size_t kFirstColumns = 20;
constexpr std::size_t kStatusColumn = 18;
static_assert(kRowColumns[kStatusColumn].name == "status");

bool begins_right(const std::vector<std::string>& header) {
  return header.size() >= kFirstColumns &&
         std::equal(
             kRowColumns.begin(), kRowColumns.begin() + kFirstColumns, header.begin(),
             [](const RowColumn& column, const std::string& name) { return column.name == name; });
}

/// `places` are where the file has our columns, or beyond its fields for one that it has not.
Row read_row(const std::vector<std::string>& fields, const std::vector<std::size_t>& places,
             std::size_t line) {
  Row row;
  for (const Status status : kStatuses) {
    if (fields[kStatusColumn] == name(status)) row.status = status;
  }
  for (std::size_t i = 0; i < kRowColumns.size(); ++i) {
    if (places[i] >= fields.size()) continue;
    const std::string& field = fields[places[i]];
    try {
      kRowColumns[i].read(row, field);
    } catch (const Wrong& wrong) {
      fail(line, fmt::format("column {} holds {}; {} would be right", kRowColumns[i].name,
                             in_quotes(field), wrong.right));
    }
  }
  return row;
}

}  // namespace

std::string Row::configuration() const {
  return fmt::format("{}/{}/{}/{}/{}/n:{}/w:{}{}", workload, type, model, variant, scope, elements,
                     workers, cache == name(Cache::cold) ? "/cold" : "");
}

std::vector<Column> row_columns() {
  std::vector<Column> columns;
  for (const RowColumn& column : kRowColumns) {
    columns.push_back({column.name, column.unit, "row", column.meaning});
  }
  return columns;
}

std::string csv_header(const std::vector<std::string>& extra) {
  std::string line;
  for (const RowColumn& column : kRowColumns) {
    line += fmt::format("{}{}", line.empty() ? "" : ",", column.name);
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

CsvContents parse_csv(std::string_view text) {
  CsvContents contents;
  Records records(text);
  std::vector<std::string>& columns = contents.columns;
  if (!records.next(columns)) {
    // Nothing, or the beginning of our header: the process ended before its first line did.
    const std::string header = csv_header() + "\n";
    if (!header.starts_with(text) && !text.starts_with(csv_header()))
      fail(1, "no header of a crossover results file");
    contents.torn = !text.empty();
    columns.clear();
    return contents;
  }
  if (!begins_right(columns)) {
    fail(1,
         fmt::format("no header of a crossover results file of schema {}; that begins with {}...",
                     kSchema, csv_header().substr(0, 30)));
  }
  std::vector<std::size_t> places;
  for (const RowColumn& column : kRowColumns) {
    places.push_back(static_cast<std::size_t>(
        std::find(columns.begin(), columns.end(), column.name) - columns.begin()));
  }
  std::vector<std::string> fields;
  while (records.next(fields)) {
    if (fields.size() != columns.size()) {
      fail(records.line(),
           fmt::format("{} fields; the header has {}", fields.size(), columns.size()));
    }
    contents.rows.push_back(read_row(fields, places, records.line()));
  }
  contents.valid_bytes = records.position();
  contents.torn = records.position() != text.size();
  return contents;
}

CsvContents read_csv(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    return parse_csv(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), error.what()));
  }
}

}  // namespace crossover
