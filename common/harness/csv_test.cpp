#include "common/harness/csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <system_error>

#include "common/harness/file.hpp"
#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

using testing::HasSubstr;

std::string header_line() { return csv_header() + "\n"; }

TEST(CsvLine, HeaderIsTheContract) {
  EXPECT_EQ(csv_header(),
            "schema,run,label,time,workload,type,elements,bytes,model,variant,scope,workers,device,"
            "round,iterations,time_ns,gb_per_s,error,status,note,cache,flops");
}

TEST(CsvLine, OneRow) {
  EXPECT_EQ(
      csv_line(example_row()),
      "1,0b9c2a8e-5a41-4b3e-9a63-0f6a3e1c7d52,test,2026-01-31T12:00:00.123Z,reduce,f32,"
      "1048576,4194304,openmp,static,resident,8,cpu,3,1000,262144,16,1.5e-08,ok,,warm,1048576");
}

TEST(CsvLine, SkippedRowHasNoMeasurement) {
  EXPECT_EQ(csv_line(skipped_row()),
            "1,0b9c2a8e-5a41-4b3e-9a63-0f6a3e1c7d52,test,2026-01-31T12:00:00.123Z,reduce,f32,"
            "1048576,4194304,openmp,static,resident,8,cpu,3,,,,,skipped,"
            "\"needs 8 GiB, \"\"4\"\" are free\",warm,1048576");
}

TEST(CsvLine, FailedRowTellsItsError) {
  Row row = example_row();
  row.status = Status::failed;
  row.error = -std::numeric_limits<double>::quiet_NaN();
  row.note = "not a number";
  EXPECT_THAT(csv_line(row), testing::EndsWith(",262144,16,nan,failed,not a number,warm,1048576"));
  row.iterations = 0;
  EXPECT_THAT(csv_line(row), testing::EndsWith(",3,,,,nan,failed,not a number,warm,1048576"));
}

TEST(CsvLine, QuotesByRfc4180) {
  Row row = example_row();
  row.label = "a,b";
  row.note = "say \"hi\"";
  EXPECT_THAT(csv_line(row), HasSubstr(",\"a,b\","));
  EXPECT_THAT(csv_line(row), HasSubstr(",\"say \"\"hi\"\"\",warm,"));
}

TEST(CsvLine, IsOneLineOfUtf8) {
  Row row = example_row();
  row.note = "two\r\nlines\tand \x01";
  EXPECT_THAT(csv_line(row), HasSubstr(",two  lines and  ,warm,"));
  row.note = "gr\u00f6\u00dfer";
  EXPECT_THAT(csv_line(row), HasSubstr(",gr\u00f6\u00dfer,"));
  row.note = "latin1 \xE9";
  EXPECT_THAT(csv_line(row), HasSubstr(",latin1 ?,"));
}

TEST(CsvLine, NumbersReadBackTheSame) {
  Row row = example_row();
  for (const double time : {0.1, 1.0 / 3, 123456789.123456789, 5e-324, 1e300}) {
    row.time_ns = time;
    row.bytes = 1;
    row.error = 0.1 + 0.2;
    // 1 / 5e-324 overflows: such a time is not one.
    if (time < 1e-300) continue;
    const CsvContents contents = parse_csv(header_line() + csv_line(row) + "\n");
    ASSERT_EQ(contents.rows.size(), 1U);
    EXPECT_EQ(contents.rows[0].time_ns, time);
    EXPECT_EQ(contents.rows[0].error, 0.1 + 0.2);
  }
}

TEST(Configuration, Name) {
  EXPECT_EQ(example_row().configuration(), "reduce/f32/openmp/static/resident/n:1048576/w:8");
}

TEST(CsvWriter, EveryRowIsInTheFileAtOnce) {
  const TemporaryFolder folder;
  CsvWriter writer = CsvWriter::create(folder / "new/sub/run.csv");
  EXPECT_EQ(read_file(folder / "new/sub/run.csv"), header_line());
  writer.append(example_row());
  EXPECT_EQ(read_file(writer.path()), header_line() + csv_line(example_row()) + "\n");
  writer.append(skipped_row());
  EXPECT_EQ(read_csv(writer.path()).rows.size(), 2U);
}

TEST(CsvWriter, NeverTouchesAnExistingFile) {
  const TemporaryFolder folder;
  replace_file(folder / "run.csv", "precious");
  try {
    CsvWriter::create(folder / "run.csv");
    FAIL() << "overwritten";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::file_exists);
    EXPECT_THAT(error.what(), HasSubstr((folder / "run.csv").string()));
  }
  EXPECT_EQ(read_file(folder / "run.csv"), "precious");
}

TEST(CsvWriter, NamesTheFolderItCannotCreate) {
  const TemporaryFolder folder;
  replace_file(folder / "file", "");
  try {
    CsvWriter::create(folder / "file/run.csv");
    FAIL() << "created";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr((folder / "file/run.csv").string()));
  }
}

TEST(CsvWriter, ContinuesBehindTheLastWholeLine) {
  const TemporaryFolder folder;
  const std::string whole = header_line() + csv_line(example_row()) + "\n";
  replace_file(folder / "run.csv", whole + "1,0b9c2a8e,te");
  const CsvContents contents = read_csv(folder / "run.csv");
  EXPECT_TRUE(contents.torn);
  CsvWriter writer = CsvWriter::append_to(folder / "run.csv", contents.valid_bytes);
  writer.append(skipped_row());
  EXPECT_EQ(read_file(folder / "run.csv"), whole + csv_line(skipped_row()) + "\n");
}

TEST(CsvWriter, ContinuesAFileWithoutAWholeHeader) {
  const TemporaryFolder folder;
  for (const std::string start : {"", "schema,run"}) {
    replace_file(folder / "run.csv", start);
    CsvWriter writer =
        CsvWriter::append_to(folder / "run.csv", read_csv(folder / "run.csv").valid_bytes);
    writer.append(example_row());
    EXPECT_EQ(read_csv(folder / "run.csv").rows.size(), 1U);
  }
}

TEST(CsvWriter, DoesNotContinueWhatIsNotThere) {
  const TemporaryFolder folder;
  EXPECT_THROW(CsvWriter::append_to(folder / "none.csv", 0), std::system_error);
  EXPECT_FALSE(std::filesystem::exists(folder / "none.csv"));
  replace_file(folder / "run.csv", "short");
  EXPECT_THROW(CsvWriter::append_to(folder / "run.csv", 6), std::system_error);
  EXPECT_EQ(read_file(folder / "run.csv"), "short");
  EXPECT_THROW(CsvWriter::append_to("/dev/full", 0), std::system_error);
}

TEST(CsvWriter, RefusesASecondWriter) {
  const TemporaryFolder folder;
  CsvWriter first = CsvWriter::create(folder / "run.csv");
  try {
    CsvWriter::append_to(folder / "run.csv", header_line().size());
    FAIL() << "two writers";
  } catch (const std::system_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("another process is writing"));
  }
  first = CsvWriter::create(folder / "other.csv");
  CsvWriter::append_to(folder / "run.csv", header_line().size()).append(example_row());
}

TEST(CsvWriter, LosesNoEarlierRowWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  const std::string line = csv_line(example_row()) + "\n";
  for (const std::size_t room : {std::size_t{0}, std::size_t{1}, line.size() - 1}) {
    const auto path = folder / ("run" + std::to_string(room) + ".csv");
    CsvWriter writer = CsvWriter::create(path);
    writer.append(example_row());
    const std::string before = read_file(path);
    {
      const FileSizeLimit limit(before.size() + room);
      try {
        writer.append(skipped_row());
        ADD_FAILURE() << "written";
      } catch (const std::system_error& error) {
        EXPECT_EQ(error.code(), std::errc::file_too_large);
        EXPECT_THAT(error.what(), HasSubstr(path.string()));
      }
      EXPECT_EQ(read_file(path), before) << "with room for " << room;
    }
    writer.append(skipped_row());  // room again
    EXPECT_EQ(read_csv(path).rows.size(), 2U);
  }
}

/// What append() says of a file of one row that somebody has changed; its rows are then in a new
/// file.
std::string said_of(const TemporaryFolder& folder, const std::function<void()>& change) {
  CsvWriter writer = CsvWriter::create(folder / "run.csv");
  writer.append(example_row());
  change();
  try {
    writer.append(skipped_row());
    ADD_FAILURE() << "not noticed";
  } catch (const FileChanged& changed) {
    EXPECT_THAT(changed.what(), HasSubstr(writer.path().string()));
    EXPECT_EQ(read_csv(writer.path()).rows.size(), 2U);
    return changed.what();
  }
  return {};
}

TEST(CsvWriter, WritesTheRowsAgainWhenSomebodyHasRemovedOrChangedTheFile) {
  const TemporaryFolder folder;
  const auto path = folder / "run.csv";
  EXPECT_THAT(said_of(folder, [&] { std::filesystem::remove(path); }), HasSubstr("was removed"));
  EXPECT_THAT(said_of(folder, [&] { std::filesystem::rename(path, folder / "x.csv"); }),
              HasSubstr("was moved away"));
  EXPECT_THAT(said_of(folder, [&] { replace_file(path, "new"); }), HasSubstr("was removed"));
  EXPECT_EQ(read_file(path), "new");
  std::filesystem::remove(path);
  EXPECT_THAT(said_of(folder, [&] { std::filesystem::resize_file(path, 0); }),
              HasSubstr("was written to"));
  std::filesystem::remove(path);
  EXPECT_THAT(said_of(folder, [&] { std::filesystem::remove_all(folder.path()); }),
              HasSubstr("was removed"));
}

TEST(CsvWriter, LeavesNoFileWithoutAHeader) {
  const TemporaryFolder folder;
  const FileSizeLimit limit(10);
  EXPECT_THROW(CsvWriter::create(folder / "run.csv"), std::system_error);
  EXPECT_FALSE(std::filesystem::exists(folder / "run.csv"));
}

}  // namespace
}  // namespace crossover
