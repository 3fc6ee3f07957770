#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "common/harness/csv.hpp"

/// For the tests beside this file.
namespace crossover {

/// A folder of its own for a test, gone with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "crossover-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
    path_ = name;
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() { std::filesystem::remove_all(path_); }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline Row example_row() {
  Row row;
  row.run = "0b9c2a8e-5a41-4b3e-9a63-0f6a3e1c7d52";
  row.label = "test";
  row.time = "2026-01-31T12:00:00.123Z";
  row.workload = "reduce";
  row.type = "f32";
  row.elements = 1048576;
  row.bytes = 4194304;
  row.model = "openmp";
  row.variant = "static";
  row.scope = "resident";
  row.workers = 8;
  row.device = "cpu";
  row.round = 3;
  row.iterations = 1000;
  row.time_ns = 262144;
  row.error = 1.5e-8;
  row.flops = 1048576;
  return row;
}

inline Row skipped_row() {
  Row row = example_row();
  row.status = Status::skipped;
  row.iterations = 0;
  row.time_ns = 0;
  row.error = 0;
  row.note = "needs 8 GiB, \"4\" are free";
  return row;
}

}  // namespace crossover
