#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <system_error>

#include "common/element.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/file.hpp"
#include "common/harness/text.hpp"
#include "common/model.hpp"

namespace crossover {
namespace {

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
    fields.clear();
    std::size_t at = position_;
    for (;;) {
      fields.emplace_back();
      if (!read_field(at, fields.back())) return false;
      if (text_[at] == ',') {
        ++at;
        continue;
      }
      if (text_[at] == '\r' && at + 1 == text_.size()) return false;
      at += text_[at] == '\r' ? 2 : 1;
      position_ = at;
      ++next_line_;
      return true;
    }
  }

  std::size_t line() const { return line_; }          ///< where the last record began, from 1
  std::size_t position() const { return position_; }  ///< behind the last whole record

 private:
  /// Moves `at` behind the field, onto the comma or line end there. False: the text ended first.
  bool read_field(std::size_t& at, std::string& field) {
    if (at < text_.size() && text_[at] == '"') {
      if (!read_quoted(++at, field)) return false;
    } else {
      const std::size_t end = std::min(text_.find_first_of(",\"\r\n", at), text_.size());
      field.assign(text_.substr(at, end - at));
      at = end;
    }
    if (at == text_.size()) return false;
    if (text_[at] == '"') {
      fail(next_line_,
           "a quotation mark inside a field; a field with one is quoted as a whole, "
           "with the mark doubled");
    }
    const bool stray_return = text_[at] == '\r' && at + 1 < text_.size() && text_[at + 1] != '\n';
    if (stray_return) fail(next_line_, "a carriage return without a line feed");
    if (text_[at] != ',' && text_[at] != '\r' && text_[at] != '\n') {
      fail(next_line_, "text behind a quoted field; a comma or the line's end would be right");
    }
    return true;
  }

  /// Moves `at`, behind the opening mark, behind the closing one.
  bool read_quoted(std::size_t& at, std::string& field) {
    const std::size_t opened = next_line_;
    for (;;) {
      const std::size_t mark = text_.find('"', at);
      const std::string_view part = text_.substr(at, std::min(mark, text_.size()) - at);
      next_line_ += static_cast<std::size_t>(std::count(part.begin(), part.end(), '\n'));
      if (mark == std::string_view::npos) {
        // Only a torn last line may lack the closing mark. Its rest holds no line end, because no
        // field that this program writes does: more lines behind it are rows that must not be lost.
        if (next_line_ != opened) fail(opened, "a quotation mark is opened and never closed");
        return false;
      }
      field.append(part);
      at = mark + 1;
      if (at == text_.size()) return false;  // one mark, or half of a doubled one
      if (text_[at] != '"') return true;
      field += '"';
      ++at;
    }
  }

  std::string_view text_;
  std::size_t position_ = 0;
  std::size_t line_ = 1;
  std::size_t next_line_ = 1;
};

/// The columns that every results file begins with; those behind them came later.
constexpr std::size_t kFirstColumns = 20;

bool begins_right(const std::vector<std::string>& header) {
  if (header.size() < kFirstColumns) return false;
  const std::vector<Column> columns = row_columns();
  return std::equal(
      columns.begin(), columns.begin() + kFirstColumns, header.begin(),
      [](const Column& column, const std::string& name) { return column.name == name; });
}

/// One record, its fields taken in the order of the columns.
class Fields {
 public:
  Fields(const std::vector<std::string>& fields, const std::vector<std::string>& names,
         std::size_t line)
      : fields_(fields), names_(names), line_(line) {}

  /// Any text, or any but the empty one.
  std::string text(bool may_be_empty = false) {
    const std::string& field = next();
    if (field.empty() && !may_be_empty) wrong("something");
    return field;
  }

  template <class T>
  T number(T least) {
    const std::string& field = next();
    T value{};
    const char* const end = field.data() + field.size();
    const auto result = std::from_chars(field.data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end || !(value >= least)) {
      wrong(fmt::format("a number from {}", least));
    }
    if constexpr (std::is_floating_point_v<T>) {
      if (!std::isfinite(value)) wrong("a finite number");
    }
    return value;
  }

  double error() {
    const std::string& field = next();
    if (field == "nan") return std::numeric_limits<double>::quiet_NaN();
    double value = 0;
    const char* const end = field.data() + field.size();
    const auto result = std::from_chars(field.data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end || !(value >= 0)) {
      wrong("a number from 0, inf or nan");
    }
    return value;
  }

  void empty() {
    if (!next().empty()) wrong("nothing, because nothing was measured");
  }

  template <class E, std::size_t N>
  E one_of(const std::array<E, N>& values) {
    const std::string& field = next();
    std::string names;
    for (const E value : values) {
      if (field == name(value)) return value;
      names += (names.empty() ? "" : ", ") + std::string(name(value));
    }
    wrong("one of " + names);
  }

  /// Goes on at the column of that name. False: there is none.
  bool go_to(std::string_view name) {
    column_ =
        static_cast<std::size_t>(std::find(names_.begin(), names_.end(), name) - names_.begin());
    return column_ < names_.size();
  }

  const std::string& peek(std::size_t columns_ahead) const {
    return fields_[column_ + columns_ahead];
  }

  [[noreturn]] void wrong(const std::string& right) const {
    fail(line_, fmt::format("column {} holds {}; {} would be right", names_[column_ - 1],
                            in_quotes(fields_[column_ - 1]), right));
  }

 private:
  const std::string& next() { return fields_[column_++]; }

  const std::vector<std::string>& fields_;
  const std::vector<std::string>& names_;
  std::size_t line_;
  std::size_t column_ = 0;
};

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

Row read_row(Fields fields) {
  // status, behind all that depends on it
  constexpr std::size_t kStatusColumn = 18;
  Row row;
  if (fields.text(true) != std::to_string(kSchema)) fields.wrong(std::to_string(kSchema));
  row.run = fields.text();
  row.label = fields.text();
  row.time = fields.text();
  if (!is_utc_time(row.time)) fields.wrong("a time like 2026-01-31T12:00:00.123Z");
  row.workload = fields.text();
  row.type = name(fields.one_of(kRowTypes));
  row.elements = fields.number<std::uint64_t>(0);
  row.bytes = fields.number<double>(0);
  row.model = fields.text();
  row.variant = fields.text(true);
  row.scope = fields.peek(0).empty() ? fields.text(true)
                                     : std::string(name(fields.one_of(std::array{
                                           Scope::resident, Scope::kernel, Scope::offload})));
  row.workers = fields.number<int>(0);
  row.device = fields.text();
  row.round = fields.number<int>(0);
  const bool skipped = fields.peek(kStatusColumn - 14) == name(Status::skipped);
  const bool failed = fields.peek(kStatusColumn - 14) == name(Status::failed);
  if (skipped || (failed && fields.peek(0).empty())) {
    for (int column = 0; column < 3; ++column) fields.empty();
  } else {
    row.iterations = fields.number<std::int64_t>(1);
    row.time_ns = fields.number<double>(0);
    if (row.time_ns == 0) fields.wrong("a time above 0");
    const double rate = fields.number<double>(0);
    if (!(std::abs(rate - row.gb_per_s()) <= 1e-9 * row.gb_per_s())) {
      fields.wrong("bytes / time_ns, " + fmt::format("{}", row.gb_per_s()) + ",");
    }
  }
  if (skipped) {
    fields.empty();
  } else {
    row.error = fields.error();
  }
  row.status = fields.one_of(kStatuses);
  row.note = fields.text(true);
  if (fields.go_to("cache")) row.cache = name(fields.one_of(std::array{Cache::warm, Cache::cold}));
  if (fields.go_to("flops") && !fields.peek(0).empty()) row.flops = fields.number<double>(0);
  return row;
}

}  // namespace

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
  std::vector<std::string> fields;
  while (records.next(fields)) {
    if (fields.size() != columns.size()) {
      fail(records.line(),
           fmt::format("{} fields; the header has {}", fields.size(), columns.size()));
    }
    contents.rows.push_back(read_row(Fields(fields, columns, records.line())));
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
