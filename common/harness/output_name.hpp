#pragma once

#include <filesystem>
#include <string>

/// Where a run's results go: what --output says, with what tells nodes, machines and runs apart.
namespace crossover {

/// What stands in a name for `{node}` (the host), `{label}` and `{time}` (when the run started, in
/// UTC: 2026-01-31T120000Z).
struct NameParts {
  std::string node;
  std::string label;
  std::string time;
};

/// The parts of a run that starts now on this host.
NameParts name_parts(const std::string& label);

struct OutputName {
  std::filesystem::path csv;
  /// Whether --output says only how runs are named, so that another run may have the name already:
  /// a number is added then. A name that was written out is taken as it is, or not at all.
  bool numbered = false;
};

/// What --output says: FILE.csv, or a folder, which is there or ends with a slash. Throws
/// ParseError for anything else, and for braces around another word than the three.
std::filesystem::path parse_output(const std::string& text);

/// The file that `output` means; one without a name gets `<label>-<time>.csv`, in results/ where
/// `output` is empty.
OutputName output_name(const std::filesystem::path& output, const NameParts& parts);

}  // namespace crossover
