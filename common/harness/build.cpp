#include "common/harness/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <sstream>

#include "common/harness/build_info.hpp"

namespace crossover {

std::string portable_flags(std::string_view flags) {
  // Flags whose path is the next word, and flags with the path in the same word.
  constexpr std::array<std::string_view, 9> kTakesPath{
      "-I", "-L", "-B", "-isystem", "-iquote", "-idirafter", "-include", "-imacros", "-isysroot"};
  constexpr std::array<std::string_view, 7> kPathPrefixes{
      "-I", "-L", "-B", "-isystem", "-iquote", "-idirafter", "--sysroot"};
  std::string result;
  std::istringstream words{std::string(flags)};
  for (std::string word; words >> word;) {
    if (std::find(kTakesPath.begin(), kTakesPath.end(), word) != kTakesPath.end()) {
      words >> word;
      continue;
    }
    const bool has_path =
        word.find('/') != std::string::npos ||
        std::any_of(kPathPrefixes.begin(), kPathPrefixes.end(),
                    [&word](std::string_view prefix) { return word.starts_with(prefix); });
    const bool warning = word.starts_with("-W") && word.find(',') == std::string::npos;
    if (has_path || warning) continue;
    if (!result.empty()) result += ' ';
    result += word;
  }
  return result;
}

nlohmann::ordered_json describe_build() {
  nlohmann::ordered_json libraries = nlohmann::ordered_json::object();
  for (const auto& [library, version] : build_info::kLibraries) {
    libraries[std::string(library)] = std::string(version);
  }
  return {{"version", build_info::kVersion},
          {"commit", build_info::kCommit},
          {"compiler", build_info::kCompiler},
          {"compiler_version", build_info::kCompilerVersion},
          {"flags", portable_flags(CROSSOVER_FLAGS)},
          {"build_type", CROSSOVER_BUILD_TYPE},
          {"libraries", libraries}};
}

std::string version_text() {
  std::string libraries;
  for (const auto& [library, version] : build_info::kLibraries) {
    libraries += fmt::format("{}{} {}", libraries.empty() ? "" : ", ", library, version);
  }
  return fmt::format("crossover {} (commit {})\nbuilt by {} {}, {}: {}\nwith {}\n",
                     build_info::kVersion, build_info::kCommit, build_info::kCompiler,
                     build_info::kCompilerVersion, CROSSOVER_BUILD_TYPE,
                     portable_flags(CROSSOVER_FLAGS),
                     libraries.empty() ? "no libraries of known version" : libraries);
}

}  // namespace crossover
