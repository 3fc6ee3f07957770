#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/element.hpp"
#include "common/model.hpp"
#include "common/topology.hpp"

namespace crossover {

enum class Preset { quick, standard, thorough, lesson };
enum class Scaling { strong, weak };
/// The answers in a screenful, or every number.
enum class Summary { brief, full };

inline constexpr std::array kPresets{Preset::quick, Preset::standard, Preset::thorough,
                                     Preset::lesson};

constexpr std::string_view name(Preset preset) {
  constexpr std::array<std::string_view, 4> names{"quick", "standard", "thorough", "lesson"};
  return names[static_cast<std::size_t>(preset)];
}
constexpr std::string_view name(Summary summary) {
  return summary == Summary::brief ? "short" : "full";
}
constexpr std::string_view name(Scaling scaling) {
  return scaling == Scaling::strong ? "strong" : "weak";
}

/// `openmp` or `openmp/static`: an empty variant leaves the choice to `--variants`.
struct ModelChoice {
  std::string model;
  std::string variant;
  bool operator==(const ModelChoice&) const = default;
};

/// What a preset stands for; each option of the same name overrides it.
struct PresetPlan {
  std::string_view sizes;         ///< as for `--sizes`: those that may be measured
  std::uint64_t quoted_elements;  ///< the size at which rates are quoted
  int rounds_wanted;              ///< before anything is called answered
  int rounds;
  double min_time_s;
  double precision_percent;
  double budget_s;
  std::vector<std::string> workloads{};  ///< empty: those that are in the presets
  bool all_variants = false;
};

PresetPlan plan_of(Preset preset);

/// More workers than any machine has hardware threads: beyond it a count is a typing error.
inline constexpr int kMostWorkers = 65536;

/// The command line, understood and checked as far as that is possible without the machine.
struct Options {
  std::vector<std::string> workloads;  ///< empty: those that are in the presets
  std::vector<ModelChoice> models;     ///< empty: all that this machine can run
  bool all_variants = false;
  std::vector<ElementType> types{ElementType::f32};
  std::vector<std::uint64_t> sizes;  ///< the preset's unless given
  bool sizes_given = false;
  std::optional<std::vector<int>> threads;  ///< none: `auto`
  std::optional<std::vector<int>> sms;      ///< none: `all`; an empty list: `auto`
  bool sms_given = false;                   ///< otherwise `auto` at one size, `all` at the others
  std::vector<Cache> caches{Cache::warm};
  std::optional<std::vector<Scope>> scopes;  ///< none: all that apply
  Scaling scaling = Scaling::strong;
  Pin pin = Pin::cores;
  Summary summary = Summary::brief;
  std::vector<int> devices{0};  ///< empty: all
  Preset preset = Preset::standard;
  std::uint64_t quoted_elements = 0;  ///< the size at which rates are quoted, of a preset's sizes
  int rounds_wanted = 16;             ///< before anything is called answered (with the pilot round)
  int rounds = 0;                     ///< the most rounds; the preset's unless given
  double min_time_s = 0;              ///< the shortest sample; likewise
  double precision_percent = 0;       ///< half-width of the median's 95 % interval; likewise
  double budget_s = 0;                ///< the longest run; likewise
  std::string form;                   ///< of the CPU models' loops; empty: chosen by measuring
  std::string filter;                 ///< regular expression (RE2), empty: all
  bool list = false;
  bool machine = false;
  bool quiet = false;
  std::filesystem::path output;              ///< as given: output_name() has the file's name
  std::filesystem::path resume;              ///< empty: a new run
  std::string label;                         ///< the host name unless given
  std::filesystem::path benchmark_out;       ///< `--benchmark_out`, written by us over all rounds
  std::vector<std::string> benchmark_flags;  ///< what is left for Google Benchmark's Initialize
  /// What was given, long option name (`min-time`) to its text, for the run's JSON and for
  /// `--resume`; Google Benchmark's names for our options under ours. Without `output`, `resume`,
  /// `list`, `machine`, `quiet` and the rest of `benchmark_*`: those belong to a call, not to a
  /// run.
  nlohmann::ordered_json given = nlohmann::ordered_json::object();

  bool operator==(const Options&) const = default;
};

/// What ends the program before anything is measured. The line for a mistake has no line end and no
/// program name; the text of `--help` and `--version` ends its last line.
struct EarlyExit {
  int status = 0;    ///< 0 for `--help` and `--version`, 2 for a mistake
  std::string text;  ///< for standard output with status 0, else one line for standard error
};

/// Throws EarlyExit for a mistake on the command line, with its line.
[[noreturn]] inline void mistake(std::string text) { throw EarlyExit{2, std::move(text)}; }

/// The names that the command line may use.
struct KnownNames {
  std::vector<std::string> workloads;
  std::vector<std::string> models;
  std::vector<std::string> shown_workloads{};    ///< the same for people: a family is one entry
  std::vector<std::string> default_workloads{};  ///< what is measured when none is named
};

/// Reads the command line (without the program's name). Throws EarlyExit.
Options parse_command_line(const std::vector<std::string>& arguments, const KnownNames& known);

/// The options of an interrupted run: `recorded` is Options::given from its JSON. Everything that
/// `call` gives as well must agree with it in meaning (`1024` with `1Ki`, and what is the default
/// with its absence), but for `--budget` and `--rounds`, which are the call's. What belongs to a
/// call (`resume`, `list`, `quiet`, `benchmark_*`, ...) is taken from `call`. Throws EarlyExit with
/// status 2.
Options resume_options(const nlohmann::ordered_json& recorded, const Options& call,
                       const KnownNames& known);

/// The command line as it goes into the run's JSON: `crossover` and the arguments, quoted for a
/// shell where needed; paths by their last component only.
std::string printable_command(const std::vector<std::string>& arguments);

}  // namespace crossover
