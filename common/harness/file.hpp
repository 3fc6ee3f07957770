#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// Whole files, and errors that name them.
namespace crossover {

/// Throws std::system_error: "WHAT PATH: the system's reason".
[[noreturn]] void throw_errno(int error, const char* what, const std::filesystem::path& path);

/// Creates the folder that `path` lies in. Throws std::system_error.
void create_folder_of(const std::filesystem::path& path);

/// Writes from the front of `text`, taking off what is written. Returns 0, or the error.
int write_all(int descriptor, std::string_view& text);

/// The file's bytes. Throws std::system_error, also for a folder.
std::string read_file(const std::filesystem::path& path);

/// Replaces the file in one step and brings it to the disk: a reader, and a machine that lost
/// power, sees the old contents or the new, never a part. Creates the folder. Throws
/// std::system_error, the old contents then being as they were.
void replace_file(const std::filesystem::path& path, std::string_view contents);

}  // namespace crossover
