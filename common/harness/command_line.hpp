#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/harness/options.hpp"

/// The command line's words: which options there are, which of them were given with what text, and
/// what `--help` says. What the texts mean is the business of parse_command_line().
namespace crossover {

struct OptionInfo {
  std::string name;   ///< `min-time`: without the dashes
  std::string value;  ///< what stands for its value in `--help`; empty: a flag
  std::string group;
  std::string help;     ///< may have several lines
  std::string example;  ///< a value that is right, for messages
  bool of_run = true;   ///< recorded, and valid for a resumed run too
  bool is_path = false;
};

/// In the order of `--help`.
const std::vector<OptionInfo>& option_table();

struct CommandLine {
  std::map<std::string, std::string> given;  ///< name without dashes to text; flags to ""
  std::vector<std::string> benchmark_flags;  ///< for Google Benchmark, as they were
};

/// Splits the arguments. Throws EarlyExit: for `--help`, an unknown option, an option given twice
/// or without its value, and for arguments that belong to no option.
CommandLine read_command_line(const std::vector<std::string>& arguments, const KnownNames& known);

}  // namespace crossover
