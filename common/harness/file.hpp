#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/descriptor.hpp"

/// Whole files, and errors that name them.
namespace crossover {

/// Throws std::system_error: "WHAT PATH: the system's reason".
[[noreturn]] void throw_errno(int error, const char* what, const std::filesystem::path& path);

/// Creates the folder that `path` lies in. Throws std::system_error.
void create_folder_of(const std::filesystem::path& path);

/// The file's bytes. Throws std::system_error, also for a folder.
std::string read_file(const std::filesystem::path& path);

/// Replaces the file in one step and brings it to the disk: a reader, and a machine that lost
/// power, sees the old contents or the new, never a part. Creates the folder. Throws
/// std::system_error, the old contents then being as they were.
void replace_file(const std::filesystem::path& path, std::string_view contents);

/// New files that belong together: those that were made go again, unless all of them are kept.
class NewFiles {
 public:
  NewFiles() = default;
  NewFiles(const NewFiles&) = delete;
  NewFiles& operator=(const NewFiles&) = delete;
  ~NewFiles();

  /// Creates `path`, empty, and its folder; the descriptor appends, and reads. Throws
  /// std::system_error, also where something has that name.
  Descriptor create(const std::filesystem::path& path);
  /// Counts a file that somebody else has just made among them.
  void add(std::filesystem::path path) { paths_.push_back(std::move(path)); }
  void keep() { paths_.clear(); }

 private:
  std::vector<std::filesystem::path> paths_;
};

/// Holds `bytes` of the disk that `folder` lies on, under no name, until the descriptor is closed:
/// what has to be written when the disk is full then has room. None (-1) where that cannot be done.
Descriptor reserve_room(const std::filesystem::path& folder, std::uint64_t bytes);

/// run.csv -> run-2.csv, and run.csv itself for 1.
std::filesystem::path numbered(const std::filesystem::path& path, int number);

/// The folder that `path` lies in, "." for a bare name.
std::filesystem::path folder_of(const std::filesystem::path& path);

}  // namespace crossover
