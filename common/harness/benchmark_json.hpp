#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <filesystem>
#include <sstream>
#include <string>
#include <system_error>

#include "common/descriptor.hpp"

namespace crossover {

/// `--benchmark_out` could not be written.
class BenchmarkJsonError : public std::system_error {
  using std::system_error::system_error;
};

/// Google Benchmark's JSON over all rounds, one document that its compare tool reads. The file is
/// a whole document after every sample.
class BenchmarkJson {
 public:
  /// Writes to `file`, which is empty; `path` is for messages.
  BenchmarkJson(Descriptor file, std::filesystem::path path);
  BenchmarkJson(const BenchmarkJson&) = delete;
  BenchmarkJson& operator=(const BenchmarkJson&) = delete;

  /// Before the first sample; later ones are passed over.
  void begin(const benchmark::BenchmarkReporter::Context& context);
  /// Throws BenchmarkJsonError, which names the path; the file then holds the samples before.
  void add(const benchmark::BenchmarkReporter::Run& sample);

 private:
  Descriptor file_;
  std::filesystem::path path_;
  std::ostringstream text_;  ///< what is not in the file yet
  benchmark::JSONReporter json_;
  std::string end_;           ///< that closes the document
  std::int64_t written_ = 0;  ///< bytes before it
  bool begun_ = false;
};

}  // namespace crossover
