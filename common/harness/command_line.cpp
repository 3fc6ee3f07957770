#include "common/harness/command_line.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"

namespace crossover {
namespace {

constexpr std::string_view kBenchmarkPrefix = "benchmark_";

/// Where the descriptions of options begin in `--help`.
constexpr std::size_t kHelpColumn = 28;

/// Google Benchmark's names for what the harness does itself.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kAliases{{
    {"benchmark_filter", "filter"},
    {"benchmark_min_time", "min-time"},
    {"benchmark_repetitions", "rounds"},
    {"benchmark_list_tests", "list"},
}};

/// Flags whose value is a truth value, for Google Benchmark's sake.
constexpr std::string_view kInterleaving = "benchmark_enable_random_interleaving";

/// Our name for an option's name, however it was called.
std::string canonical(std::string_view name) {
  for (const auto& [alias, ours] : kAliases) {
    if (name == alias) return std::string(ours);
  }
  return std::string(name);
}

[[noreturn]] void missing_value(const OptionInfo& option) {
  mistake(fmt::format("--{} needs a value, for example --{} {}", option.name, option.name,
                      option.example));
}

/// Joins `--name value` to `--name=value`, so that a value is never taken for an option nor an
/// option for a value, and in the order that CLI11's parse() wants: the last argument first.
std::vector<std::string> joined_values(const std::vector<std::string>& arguments) {
  std::vector<std::string> result;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string argument = arguments[i];
    if (argument.starts_with("--")) {
      const std::size_t equals = argument.find('=');
      const OptionInfo* option = find_option(canonical(argument.substr(2, equals - 2)));
      if (option != nullptr && !option->value.empty()) {
        if (equals == std::string::npos) {
          if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--")) {
            missing_value(*option);
          }
          argument += "=" + arguments[++i];
        }
        if (argument.back() == '=' && argument.find('=') + 1 == argument.size()) {
          missing_value(*option);
        }
      }
    }
    result.push_back(std::move(argument));
  }
  std::reverse(result.begin(), result.end());
  return result;
}

constexpr std::string_view kExamples =
    "Examples:\n"
    "  crossover --preset quick                      a minute, and the answers\n"
    "  crossover --workloads reduce --types f32,f64 --sizes 1Ki..256Mi:x4\n"
    "  crossover --models serial,openmp/static --threads 1..8 --pin cores --list\n"
    "  crossover --resume results/host-20260131T120000Z.csv --budget 600\n"
    "  mpirun -n 4 crossover --models mpi,threads --threads 1,2,4\n"
    "In a checkout:\n"
    "  scripts/run --with my-axpy.hpp                your own: docs/own-workload.md\n"
    "  scripts/run --repeat 5                        five runs, for scripts/compare\n";

std::string footer() {
  std::string text =
      "Presets (a plan that does not fit its budget is cut, the answers first):\n"
      "            budget  rounds  min-time  precision  sizes\n";
  for (const Preset preset : kPresets) {
    const PresetPlan plan = plan_of(preset);
    text +=
        fmt::format("  {:<9} {:>4} s  {:>6}  {:>6} s  {:>7} %  {}\n", name(preset), plan.budget_s,
                    plan.rounds, plan.min_time_s, plan.precision_percent, plan.sizes);
  }
  return text +
         "\nGoogle Benchmark's flags:\n"
         "  --benchmark_filter, --benchmark_min_time, --benchmark_repetitions and\n"
         "  --benchmark_list_tests mean --filter, --min-time, --rounds and --list;\n"
         "  --benchmark_out=FILE writes its JSON too (--benchmark_out_format=json is the\n"
         "  only one). The others go to the library.\n"
         "\nExit status: 0 done, 1 a result was wrong, 2 the command line is wrong, 3 a file\n"
         "or the system refused, 130 interrupted with everything measured so far in the\n"
         "file.\n";
}

/// `text` in lines of at most `width` characters, broken at spaces.
std::string wrapped(const std::string& text, std::size_t width) {
  std::string result;
  std::size_t column = 0;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find_first_of(" \n", at), text.size());
    const std::size_t length = end - at;
    if (column > 0 && column + 1 + length > width) {
      result += '\n';
      column = 0;
    }
    if (column > 0) {
      result += ' ';
      ++column;
    }
    result.append(text, at, length);
    column += length;
    if (end < text.size() && text[end] == '\n') {
      result += '\n';
      column = 0;
    }
    at = end + 1;
  }
  return result;
}

std::string with_names(const std::string& text, const KnownNames& known) {
  std::string result = text;
  const auto replace = [&result](std::string_view mark, const std::string& with) {
    const std::size_t at = result.find(mark);
    if (at != std::string::npos) result.replace(at, mark.size(), with);
  };
  replace("{workloads}", joined(known.shown_workloads));
  replace("{default workloads}", joined(known.default_workloads));
  replace("{models}", joined(known.models));
  return wrapped(result, 80 - kHelpColumn);
}

/// One empty line between paragraphs and none at the end, whichever CLI11 put them there.
std::string tidy(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\n' && (result.empty() || result.ends_with("\n\n"))) continue;
    result += c;
  }
  while (result.ends_with("\n\n")) result.pop_back();
  return result;
}

/// Not true, not false: none.
std::optional<bool> truth(std::string_view text) {
  if (text.empty() || text == "true" || text == "1" || text == "yes") return true;
  if (text == "false" || text == "0" || text == "no") return false;
  return std::nullopt;
}

/// What is not an option of ours: Google Benchmark's, or a mistake.
void take_rest(const std::vector<std::string>& rest, CommandLine& line) {
  for (const std::string& argument : rest) {
    const std::string name = argument.substr(0, argument.find('='));
    if (name.starts_with("--" + std::string(kBenchmarkPrefix))) {
      line.benchmark_flags.push_back(argument);
      continue;
    }
    if (name == "--with") {
      mistake(
          "--with belongs to a checkout's scripts/run, which builds the program anew with your "
          "file; "
          "docs/own-workload.md shows one");
    }
    if (name == "--repeat") {
      mistake("--repeat belongs to a checkout's scripts/run, which runs the program so many times");
    }
    if (!argument.starts_with('-') || argument == "-" || argument == "--") {
      mistake(in_quotes(argument) +
              " belongs to no option; a list has commas and no spaces, and "
              "--help shows the options");
    }
    std::vector<std::string> names;
    for (const OptionInfo& option : option_table()) names.push_back("--" + option.name);
    const std::string nearest = nearest_name(name.starts_with("--") ? name : "-" + name, names);
    mistake("unknown option " + in_quotes(name) +
            (nearest.empty() ? "; --help shows all" : "; did you mean " + nearest + "?"));
  }
}

}  // namespace

CommandLine read_command_line(const std::vector<std::string>& arguments, const KnownNames& known) {
  CLI::App app(
      "At what size, by how much and at what cost does more parallel hardware win?\n"
      "Runs the same operation serially, on threads, with OpenMP, the parallel standard\n"
      "library and CUDA, and records throughput and scaling to CSV.\n\n" +
          std::string(kExamples),
      "crossover");
  app.allow_extras();
  app.set_help_flag();  // set again below: groups come in the order of their first option
  app.get_formatter()->column_width(kHelpColumn);
  app.footer(footer());

  std::vector<std::pair<std::string, CLI::Option*>> options;  // our name, CLI11's option
  const auto add = [&](const std::string& name, const OptionInfo& info, const std::string& group) {
    CLI::Option* const option = app.add_option("--" + name);
    option->description(with_names(info.help, known))->group(group);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
    if (info.value.empty()) {
      option->expected(0)->type_size(0);
    } else {
      option->expected(1)->type_name(info.value);
    }
    options.emplace_back(info.name, option);
  };
  for (const OptionInfo& info : option_table()) {
    add(info.name, info, info.group);
    for (const auto& [alias, ours] : kAliases) {
      if (info.name == ours) add(std::string(alias), info, "");
    }
  }
  static const OptionInfo interleaving{std::string(kInterleaving), "", "", "", "", nullptr};
  add(interleaving.name, interleaving, "");

  app.set_help_flag("-h,--help", "print this and exit")->group("Help");

  try {
    app.parse(joined_values(arguments));
  } catch (const CLI::CallForHelp&) {
    throw EarlyExit{0, tidy(app.help())};
  } catch (const CLI::ParseError& error) {
    std::string text = error.what();
    std::replace(text.begin(), text.end(), '\n', ' ');
    mistake(text);
  }

  CommandLine line;
  for (const auto& [name, option] : options) {
    for (const std::string& text : option->results()) {
      if (line.given.contains(name)) mistake("--" + name + " is given twice; give it once");
      line.given[name] = text;
    }
  }
  take_rest(app.remaining(), line);

  for (const auto& [name, option] : options) {
    const auto given = line.given.find(name);
    if (given == line.given.end() || option->get_expected_max() != 0) continue;
    const std::optional<bool> wanted = truth(given->second);
    if (!wanted) mistake("--" + name + " takes no value, but has " + in_quotes(given->second));
    if (name == kInterleaving && !*wanted) {
      mistake("--" + name + " cannot be turned off: every round has an order of its own");
    }
    given->second.clear();
    if (!*wanted || name == kInterleaving) line.given.erase(given);
  }
  return line;
}

}  // namespace crossover
