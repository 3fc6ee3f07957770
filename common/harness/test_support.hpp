#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
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

/// No file of this process can grow beyond a number of bytes: a write across the limit is cut
/// short and the next one fails, as on a full disk.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    before_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limited = before_;
    limited.rlim_cur = bytes;
    if (::setrlimit(RLIMIT_FSIZE, &limited) != 0) throw std::runtime_error("setrlimit failed");
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, before_handler_);
  }

 private:
  rlimit before_{};
  void (*before_handler_)(int) = nullptr;
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
