#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <stdexcept>

#include "common/harness/csv.hpp"
#include "common/harness/file.hpp"
#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

std::string with_header(const std::string& rest) { return csv_header() + "\n" + rest; }

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

std::string message_of(const std::string& text) {
  try {
    parse_csv(text);
  } catch (const std::runtime_error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  ADD_FAILURE() << "accepted: " << text;
  return {};
}

TEST(ParseCsv, ReadsWhatWasWritten) {
  Row failed = example_row();
  failed.status = Status::failed;
  failed.error = std::numeric_limits<double>::quiet_NaN();
  failed.note = "wrong";
  Row unmeasured = failed;
  unmeasured.iterations = 0;
  Row noisy = example_row();
  noisy.status = Status::noisy;
  noisy.label = "a \"b\", c";
  noisy.elements = std::numeric_limits<std::uint64_t>::max();
  Row bare = skipped_row();  // a model that cannot run here
  bare.variant.clear();
  bare.scope.clear();
  bare.workers = 0;
  std::string text = csv_header() + "\n";
  const std::vector<Row> rows{example_row(), skipped_row(), failed, unmeasured, noisy, bare};
  for (const Row& row : rows) text += csv_line(row) + "\n";

  const CsvContents contents = parse_csv(text);
  ASSERT_EQ(contents.rows.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(csv_line(contents.rows[i]), csv_line(rows[i]));
    EXPECT_EQ(contents.rows[i].configuration(), rows[i].configuration());
  }
  EXPECT_EQ(contents.rows[4].label, "a \"b\", c");
  EXPECT_TRUE(std::isnan(contents.rows[2].error));
  EXPECT_FALSE(contents.torn);
  EXPECT_EQ(contents.valid_bytes, text.size());
}

// As runs have it that were made before the columns behind `note`.
TEST(ParseCsv, ReadsFilesWithoutCacheAndFlops) {
  const std::string row = csv_line(example_row());
  const std::string text = csv_header().substr(0, csv_header().find(",cache")) + ",watts,node\n" +
                           row.substr(0, row.find(",warm")) + ",70,a\n";
  const CsvContents contents = parse_csv(text);
  ASSERT_EQ(contents.rows.size(), 1U);
  EXPECT_EQ(contents.columns.size(), 22U);
  EXPECT_EQ(contents.rows[0].cache, "warm");
  EXPECT_TRUE(std::isnan(contents.rows[0].flops));
  EXPECT_EQ(csv_line(contents.rows[0]), row.substr(0, row.find(",warm")) + ",warm,");
}

TEST(ParseCsv, ReadsCacheAndFlops) {
  Row row = example_row();
  row.cache = "cold";
  row.flops = 2.5e15;
  const Row read = parse_csv(with_header(csv_line(row) + "\n")).rows.at(0);
  EXPECT_EQ(read.cache, "cold");
  EXPECT_EQ(read.flops, 2.5e15);
  EXPECT_EQ(read.configuration(), "reduce/f32/openmp/static/resident/n:1048576/w:8/cold");
}

// Whatever the byte at which a process is killed: all whole rows are read, and the rest is cut off.
TEST(ParseCsv, SurvivesAnyCut) {
  const std::string first = csv_line(example_row()) + "\n";
  const std::string second = csv_line(skipped_row()) + "\n";  // has quoted fields
  const std::string header = csv_header() + "\n";
  const std::string text = header + first + second;
  for (std::size_t length = 0; length <= text.size(); ++length) {
    const CsvContents contents = parse_csv(text.substr(0, length));
    std::size_t rows = 0;
    std::size_t valid = length >= header.size() ? header.size() : 0;
    for (const std::string& line : {first, second}) {
      if (valid == 0 || length < valid + line.size()) break;
      valid += line.size();
      ++rows;
    }
    EXPECT_EQ(contents.rows.size(), rows) << length;
    EXPECT_EQ(contents.valid_bytes, valid) << length;
    EXPECT_EQ(contents.torn, length != valid) << length;
  }
}

TEST(ParseCsv, CopesWithOtherToolsFiles) {
  const std::string quoted = replaced(csv_line(example_row()), "openmp", "\"openmp\"");
  const CsvContents contents = parse_csv("\xEF\xBB\xBF" + csv_header() + "\r\n" + quoted + "\r\n");
  ASSERT_EQ(contents.rows.size(), 1U);
  EXPECT_EQ(csv_line(contents.rows[0]), csv_line(example_row()));
  EXPECT_FALSE(contents.torn);
}

TEST(ParseCsv, ReadsQuotedLineEnds) {
  const std::string row =
      replaced(csv_line(example_row()), ",ok,,", ",ok,\"two\r\nlines\",") + "\n";
  const CsvContents contents = parse_csv(with_header(row + csv_line(example_row()) + "\n"));
  ASSERT_EQ(contents.rows.size(), 2U);
  EXPECT_EQ(contents.rows[0].note, "two\r\nlines");
  EXPECT_THAT(message_of(with_header(row + "x\n")), StartsWith("line 4: "));
}

TEST(ParseCsv, PassesOverColumnsBehindTheKnown) {
  const CsvContents contents =
      parse_csv(csv_header() + ",watts\n" + csv_line(example_row()) + ",250\n");
  ASSERT_EQ(contents.rows.size(), 1U);
  EXPECT_EQ(contents.rows[0].note, "");
}

TEST(ParseCsv, RefusesAnotherHeader) {
  EXPECT_THAT(message_of("name,time\n"), HasSubstr("no header of a crossover results file"));
  EXPECT_THAT(message_of("garbage"), HasSubstr("no header of a crossover results file"));
  EXPECT_THAT(message_of(replaced(csv_header(), "time_ns", "time_us") + "\n"), HasSubstr("line 1"));
  EXPECT_THAT(message_of(csv_header().substr(0, 20) + "\n"), HasSubstr("line 1"));
}

TEST(ParseCsv, RefusesAnotherSchema) {
  std::string line = csv_line(example_row());
  line[0] = '2';
  EXPECT_EQ(message_of(with_header(line + "\n")),
            "line 2: column schema holds '2'; 1 would be right");
}

TEST(ParseCsv, NamesLineAndColumnOfEveryWrongField) {
  const std::string good = csv_line(example_row());
  struct Fault {
    std::string from, to, column;
  };
  const std::vector<Fault> faults{
      {"0b9c2a8e-5a41-4b3e-9a63-0f6a3e1c7d52", "", "run"},
      {",test,", ",,", "label"},
      {"2026-01-31T", "2026-13-31T", "time"},
      {"12:00:00.123Z", "12:00:00.123+01:00", "time"},
      {"12:00:00.123Z", "24:00:00.123Z", "time"},
      {"reduce", "", "workload"},
      {"f32", "f16", "type"},
      {"1048576", "-1", "elements"},
      {"1048576", "18446744073709551616", "elements"},
      {"1048576", "1048576.0", "elements"},
      {"4194304", "-1", "bytes"},
      {"4194304", "inf", "bytes"},
      {"openmp", "", "model"},
      {"resident", "Resident", "scope"},
      {",8,cpu", ",eight,cpu", "workers"},
      {",8,cpu", ",,cpu", "workers"},
      {"cpu", "", "device"},
      {"cpu,3", "cpu,3000000000", "round"},
      {",1000,", ",0,", "iterations"},
      {",1000,", ",,", "iterations"},
      {"262144", "0", "time_ns"},
      {"262144", "-5", "time_ns"},
      {"262144", "nan", "time_ns"},
      {"262144", "0x5", "time_ns"},
      {",16,", ",17,", "gb_per_s"},
      {",16,", ",,", "gb_per_s"},
      {"1.5e-08", "", "error"},
      {"1.5e-08", "-1", "error"},
      {",ok,", ",fine,", "status"},
      {",ok,", ",skipped,", "iterations"},
      {"warm", "tepid", "cache"},
      {"warm", "", "cache"},
      {"warm,1048576", "warm,-1", "flops"},
  };
  for (const Fault& fault : faults) {
    EXPECT_THAT(message_of(with_header(good + "\n" + replaced(good, fault.from, fault.to) + "\n")),
                StartsWith("line 3: column " + fault.column + " holds "))
        << fault.from << " -> " << fault.to;
  }
}

/// A row whose last field, of a column that is passed over, is empty.
std::string open_ended_row() { return csv_line(example_row(), {"more"}); }
std::string with_open_header(const std::string& rest) { return csv_header({"more"}) + "\n" + rest; }

TEST(ParseCsv, RefusesBrokenRecords) {
  const std::string good = open_ended_row();
  EXPECT_THAT(message_of(with_open_header(good + ",\n")),
              HasSubstr("24 fields; the header has 23"));
  EXPECT_THAT(message_of(with_header("1,2\n")), HasSubstr("line 2: 2 fields"));
  EXPECT_THAT(message_of(with_header("\n")), HasSubstr("line 2: 1 fields"));
  EXPECT_THAT(message_of(with_open_header(good + "a\"b\n")), HasSubstr("quotation mark inside"));
  EXPECT_THAT(message_of(with_open_header(good + "\"a\"b\n")), HasSubstr("behind a quoted field"));
  EXPECT_THAT(message_of(with_open_header(good + "a\rb\n")), HasSubstr("carriage return"));
}

// Taken for a torn end, it would have the rows behind it cut off by --resume.
TEST(ParseCsv, DoesNotLoseRowsBehindAnOpenQuotationMark) {
  const std::string good = open_ended_row();
  EXPECT_THAT(message_of(with_open_header(good + "\"open\n" + good + "\n")),
              HasSubstr("line 2: a quotation mark is opened and never closed"));
}

TEST(ReadCsv, NamesTheFile) {
  const TemporaryFolder folder;
  for (const std::string name : {"missing.csv", "", "bad.csv"}) {
    replace_file(folder / "bad.csv", "bad\n");
    try {
      read_csv(folder / name);
      ADD_FAILURE() << "read";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr((folder / name).string()));
    }
  }
}

}  // namespace
}  // namespace crossover
