#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "common/descriptor.hpp"
#include "common/harness/benchmark_json.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/options.hpp"

/// The files of a run: those of the one that goes on, and those that are written.
namespace crossover {

/// An interrupted run that goes on: what its files hold.
struct Earlier {
  std::vector<std::string> columns;
  std::vector<Row> rows;
  std::uint64_t valid_bytes = 0;
  std::uint64_t seed = 0;
  nlohmann::ordered_json record;
};

/// Reads the files of the run to be resumed (Options::resume), and its options into `options`.
/// Throws EarlyExit with status 2.
Earlier read_earlier(Options& options, const KnownNames& known);

/// The record of a run that goes on, `now` being a new run's here. Throws EarlyExit with status 2
/// where it cannot go on.
nlohmann::ordered_json continued(const Earlier& earlier, const nlohmann::ordered_json& now,
                                 const std::filesystem::path& csv);

/// The files that a run writes to.
struct Output {
  CsvWriter csv;
  std::unique_ptr<BenchmarkJson> benchmark;  ///< null without --benchmark_out
  Descriptor room;                           ///< for the last version of the JSON
};

/// Creates a new run's files, or opens those of the run that goes on. With an exception (EarlyExit,
/// std::system_error) there is no new file.
Output open_output(const Options& options, const Earlier& earlier,
                   const std::vector<std::string>& columns, const nlohmann::ordered_json& record);

}  // namespace crossover
