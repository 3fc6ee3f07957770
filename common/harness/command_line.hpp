#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "common/harness/options.hpp"

/// The options there are, and which of them a command line gives with what text.
namespace crossover {

struct OptionInfo {
  std::string name;   ///< `min-time`: without the dashes
  std::string value;  ///< what stands for its value in `--help`; empty: a flag
  std::string group;
  std::string help;     ///< may have several lines
  std::string example;  ///< a value that is right, for messages
  /// Understands `text` and stores it. Throws ParseError.
  void (*set)(Options& options, const std::string& text, const KnownNames& known);
  enum class Kind {
    of_run,   ///< recorded, and valid for a resumed run too
    of_call,  ///< of this call alone
    path,     ///< likewise; a path
  };
  Kind kind = Kind::of_run;
};

/// In the order of `--help`.
const std::vector<OptionInfo>& option_table();

/// The option of that name, or nullptr.
const OptionInfo* find_option(std::string_view name);

struct CommandLine {
  std::map<std::string, std::string> given;  ///< name without dashes to text; flags to ""
  std::vector<std::string> benchmark_flags;  ///< for Google Benchmark, as they were
};

/// Splits the arguments. Throws EarlyExit: for `--help`, an unknown option, an option given twice
/// or without its value, and for arguments that belong to no option.
CommandLine read_command_line(const std::vector<std::string>& arguments, const KnownNames& known);

}  // namespace crossover
