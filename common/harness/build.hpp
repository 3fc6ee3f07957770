#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

/// What this program was built from, and how.
namespace crossover {

/// {version, commit, compiler, compiler_version, flags, build_type, libraries {name: version}}.
/// `commit` is git's short hash, with "-dirty" behind it when tracked files differ from it, or
/// "unknown" for a source tree without git.
nlohmann::ordered_json describe_build();

/// For `--version`: version and commit, compiler and flags, libraries, a line each.
std::string version_text();

/// The compiler flags without those that hold a path of the machine or only ask for warnings:
/// neither changes what is measured, and a path is nobody else's business.
std::string portable_flags(std::string_view flags);

}  // namespace crossover
