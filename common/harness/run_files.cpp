#include "common/harness/run_files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "common/harness/file.hpp"
#include "common/harness/output_name.hpp"
#include "common/harness/record.hpp"
#include "common/harness/vocabulary.hpp"

namespace crossover {
namespace {

/// Creates CSV and JSON; where other runs may have the name, under the first that is free.
CsvWriter create_pair(const OutputName& wanted, const std::vector<std::string>& columns,
                      NewFiles& made) {
  for (int number = 1;; ++number) {
    const std::filesystem::path csv = numbered(wanted.csv, number);
    try {
      NewFiles json;
      json.create(record_path(csv));
      CsvWriter writer = CsvWriter::create(csv, columns);
      json.keep();
      made.add(record_path(csv));
      made.add(csv);
      return writer;
    } catch (const std::system_error& error) {
      if (!wanted.numbered || error.code() != std::errc::file_exists) throw;
    }
  }
}

}  // namespace

Earlier read_earlier(Options& options, const KnownNames& known) {
  Earlier earlier;
  const std::filesystem::path csv = options.resume;
  try {
    earlier.record = read_record(record_path(csv));
    if (!earlier.record.at("seed").is_number_unsigned()) {
      mistake(fmt::format("--resume: the \"seed\" in {} is no whole number",
                          record_path(csv).string()));
    }
    earlier.seed = earlier.record.at("seed").get<std::uint64_t>();
    options = resume_options(earlier.record.at("options"), options, known);
    options.label = earlier.record.at("label").get<std::string>();
    CsvContents contents = read_csv(csv);
    earlier.columns = std::move(contents.columns);
    earlier.rows = std::move(contents.rows);
    earlier.valid_bytes = contents.valid_bytes;
  } catch (const std::runtime_error& error) {
    mistake(fmt::format("--resume: {}", error.what()));
  } catch (const nlohmann::json::exception&) {
    mistake(fmt::format("--resume: {} is not the record of a run", record_path(csv).string()));
  }
  const std::string& run = earlier.record.at("run").get_ref<const std::string&>();
  if (std::any_of(earlier.rows.begin(), earlier.rows.end(),
                  [&](const Row& row) { return row.run != run; })) {
    mistake(
        fmt::format("--resume: {} has rows of another run than {} describes; put the JSON of "
                    "that run beside it",
                    csv.string(), record_path(csv).string()));
  }
  return earlier;
}

nlohmann::ordered_json continued(const Earlier& earlier, const nlohmann::ordered_json& now,
                                 const std::filesystem::path& csv) {
  if (const std::string reason = refuse_resume(earlier.record, now); !reason.empty()) {
    mistake(fmt::format("--resume: {}", reason));
  }
  const auto all = column_names(now.at("vocabulary").at("columns"));
  if (!earlier.columns.empty() && earlier.columns != all) {
    mistake(fmt::format("--resume: {} has other columns than this run would write; start a new run",
                        csv.string()));
  }
  nlohmann::ordered_json record = earlier.record;
  nlohmann::ordered_json& resumed = record["resumed"];
  if (!resumed.is_array()) resumed = nlohmann::ordered_json::array();
  resumed.push_back({{"command", now.at("command")}, {"started", now.at("started")}});
  // The same in all that matters; what it lacks, readers of today may want.
  record["machine"] = now.at("machine");
  record["machine"].merge_patch(earlier.record.at("machine"));
  record["status"] = "running";
  record["ended"] = nullptr;
  return record;
}

Output open_output(const Options& options, const Earlier& earlier,
                   const std::vector<std::string>& columns, const nlohmann::ordered_json& record) {
  NewFiles made;
  const std::filesystem::path& benchmark_out = options.benchmark_out;
  const bool resumes = !options.resume.empty();
  const OutputName wanted = output_name(options.output, name_parts(options.label));
  const std::filesystem::path named = resumes ? options.resume : wanted.csv;
  for (const std::filesystem::path& ours : {named, record_path(named)}) {
    using std::filesystem::weakly_canonical;
    if (benchmark_out.empty()) break;
    if (weakly_canonical(absolute(ours)) != weakly_canonical(absolute(benchmark_out))) continue;
    mistake(fmt::format("--benchmark_out: {} is the run's own file; give another name",
                        benchmark_out.string()));
  }
  std::unique_ptr<BenchmarkJson> benchmark;
  if (!benchmark_out.empty()) {
    benchmark = std::make_unique<BenchmarkJson>(made.create(benchmark_out), benchmark_out);
  }
  CsvWriter csv = resumes ? CsvWriter::append_to(named, earlier.valid_bytes, columns)
                          : create_pair(wanted, columns, made);
  write_record(record_path(csv.path()), record);
  made.keep();
  // What is added to the record at the end makes it at most twice as large.
  Descriptor room = reserve_room(folder_of(csv.path()), 2 * record.dump(2).size());
  return {std::move(csv), std::move(benchmark), std::move(room)};
}

}  // namespace crossover
