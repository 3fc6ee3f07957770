#include "common/harness/options.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <regex>
#include <utility>

#include "common/harness/build.hpp"
#include "common/harness/command_line.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

using Texts = std::map<std::string, std::string>;

// Enumerators with the names that the command line has for them.
std::string_view name(Preset preset) {
  constexpr std::array<std::string_view, 3> names{"quick", "standard", "thorough"};
  return names[static_cast<std::size_t>(preset)];
}
std::string_view name(Scaling scaling) { return scaling == Scaling::strong ? "strong" : "weak"; }
using crossover::name;
enum class Variants { best, all };
std::string_view name(Variants variants) { return variants == Variants::best ? "best" : "all"; }

constexpr std::array kPresets{Preset::quick, Preset::standard, Preset::thorough};
constexpr std::array kScalings{Scaling::strong, Scaling::weak};
constexpr std::array kPins{Pin::cores, Pin::threads, Pin::none};
constexpr std::array kVariants{Variants::best, Variants::all};

template <class E, std::size_t N>
E parse_name(std::string_view kind, std::string_view text, const std::array<E, N>& values) {
  std::vector<std::string> names;
  for (const E value : values) {
    if (text == name(value)) return value;
    names.emplace_back(name(value));
  }
  throw ParseError(unknown_name(kind, text, names));
}

template <class E, std::size_t N>
std::vector<E> parse_names(std::string_view kind, std::string_view text,
                           const std::array<E, N>& values) {
  std::vector<E> result;
  for (const std::string& entry : parse_list(text)) {
    result.push_back(parse_name(kind, entry, values));
  }
  return result;
}

void check_name(std::string_view kind, std::string_view text, const std::vector<std::string>& known,
                const std::vector<std::string>& shown) {
  if (std::find(known.begin(), known.end(), text) == known.end()) {
    throw ParseError(unknown_name(kind, text, known, shown));
  }
}

std::vector<ModelChoice> parse_models(std::string_view text, const KnownNames& known) {
  std::vector<ModelChoice> choices;
  for (const std::string& entry : parse_list(text)) {
    const std::size_t slash = std::min(entry.find('/'), entry.size());
    ModelChoice choice{entry.substr(0, slash), {}};
    check_name("model", choice.model, known.models, known.models);
    if (slash < entry.size()) {
      choice.variant = entry.substr(slash + 1);
      if (choice.variant.empty() || choice.variant.find('/') != std::string::npos) {
        throw ParseError(in_quotes(entry) + " is neither a model nor model/variant; write " +
                         choice.model + ", or its variant's name behind one slash");
      }
    }
    choices.push_back(std::move(choice));
  }
  return choices;
}

/// As parse_number, but above 0.
double parse_positive(std::string_view text, double most) {
  const double value = parse_number(text, 0, most);
  if (!(value > 0)) {
    throw ParseError(in_quotes(text) + " is out of range; write a number above 0, at most " +
                     format_decimal(most));
  }
  return value;
}

double parse_seconds(std::string_view text, double most) {
  if (text.ends_with('x')) {
    throw ParseError(in_quotes(text) + " counts iterations; write the shortest sample in seconds");
  }
  if (text.ends_with('s')) text.remove_suffix(1);
  return parse_positive(text, most);
}

double parse_percent(std::string_view text) {
  if (text.ends_with('%')) text.remove_suffix(1);
  return parse_positive(text, 100);
}

std::string parse_filter(const std::string& text) {
  // The library's compiler recurses into the pattern: a longer one could exhaust the stack.
  constexpr std::size_t kLongest = 1000;
  if (text.size() > kLongest) {
    throw ParseError(
        fmt::format("{} characters are too long for a regular expression; at most {} "
                    "are right",
                    text.size(), kLongest));
  }
  try {
    const std::regex compiled(text, std::regex::ECMAScript);
  } catch (const std::regex_error& error) {
    std::string reason = error.what();
    std::replace(reason.begin(), reason.end(), '\n', ' ');
    while (reason.ends_with('.') || reason.ends_with(' ')) reason.pop_back();
    throw ParseError(in_quotes(text) + " is no regular expression (" + reason +
                     "); write one in ECMAScript syntax, for example reduce/f32/.*/w:1$");
  }
  return text;
}

std::string parse_label(const std::string& text) {
  constexpr std::size_t kLongest = 64;
  if (has_control_characters(text) || text.find('/') != std::string::npos ||
      utf8_length(text) > kLongest || text.empty() || text.front() == ' ' || text.back() == ' ') {
    throw ParseError(in_quotes(text) +
                     " is no label; write 1 to 64 printable characters, no slash among them and "
                     "no space at the ends");
  }
  return text;
}

std::string default_label() {
  const std::string label = host_name().substr(0, 64);
  try {
    if (is_utf8(label)) return parse_label(label);
  } catch (const ParseError&) {
  }
  return "unnamed";
}

std::filesystem::path parse_csv_path(const std::string& text) {
  std::filesystem::path path = text;
  if (path.extension() != ".csv") {
    throw ParseError(in_quotes(text) +
                     " does not name a .csv file; write for example "
                     "results/mine.csv");
  }
  return path;
}

SmCounts parse_sms(const std::string& text) {
  if (text == "all") return {SmCounts::Which::all, {}};
  if (text == "auto") return {SmCounts::Which::automatic, {}};
  return {SmCounts::Which::these, parse_counts(text, kMostWorkers)};
}

void apply(Options& options, const std::string& option, const std::string& text,
           const KnownNames& known) {
  if (option == "workloads") {
    options.workloads = parse_list(text);
    for (const auto& entry : options.workloads) {
      check_name("workload", entry, known.workloads, known.shown_workloads);
    }
  } else if (option == "models") {
    options.models = parse_models(text, known);
  } else if (option == "variants") {
    options.all_variants = parse_name("choice", text, kVariants) == Variants::all;
  } else if (option == "types") {
    options.types = parse_names("type", text, kElementTypes);
  } else if (option == "sizes") {
    options.sizes = parse_sizes(text);
    options.sizes_given = true;
  } else if (option == "threads") {
    options.threads.reset();
    if (text != "auto") options.threads = parse_counts(text, kMostWorkers);
  } else if (option == "sms") {
    options.sms = parse_sms(text);
  } else if (option == "cache") {
    options.caches = parse_names("cache", text, kCaches);
  } else if (option == "scopes") {
    options.scopes = parse_names("scope", text, kScopes);
  } else if (option == "scaling") {
    options.scaling = parse_name("scaling", text, kScalings);
  } else if (option == "pin") {
    options.pin = parse_name("pinning", text, kPins);
  } else if (option == "device") {
    constexpr int kLastDevice = 1023;
    options.devices = text == "all" ? std::vector<int>{} : parse_counts(text, kLastDevice, 0);
  } else if (option == "rounds") {
    options.rounds = parse_count(text, 1, 1'000'000);
  } else if (option == "min-time") {
    options.min_time_s = parse_seconds(text, 3600);
  } else if (option == "precision") {
    options.precision_percent = parse_percent(text);
  } else if (option == "budget") {
    options.budget_s = parse_seconds(text, 1e7);
  } else if (option == "filter") {
    options.filter = parse_filter(text);
  } else if (option == "label") {
    options.label = parse_label(text);
  } else if (option == "output") {
    options.output = parse_csv_path(text);
  } else if (option == "resume") {
    options.resume = parse_csv_path(text);
  } else if (option == "benchmark_out") {
    options.benchmark_out = text;
  } else if (option == "benchmark_out_format") {
    if (text != "json") throw ParseError(in_quotes(text) + " is not written here; write json");
  } else if (option == "list") {
    options.list = true;
  } else if (option == "machine") {
    options.machine = true;
  } else if (option == "quiet") {
    options.quiet = true;
  }
}

void apply_preset(Options& options, Preset preset) {
  const PresetPlan plan = plan_of(preset);
  options.preset = preset;
  options.sizes = parse_sizes(plan.sizes);
  options.rounds = plan.rounds;
  options.min_time_s = plan.min_time_s;
  options.precision_percent = plan.precision_percent;
  options.budget_s = plan.budget_s;
}

Options understand(const Texts& texts, const KnownNames& known) {
  Options options;
  options.label = default_label();
  const auto with_name = [](const std::string& option, auto&& action) {
    try {
      action();
    } catch (const ParseError& error) {
      mistake("--" + option + ": " + error.what());
    }
  };
  const auto named = texts.find("preset");
  Preset preset = Preset::standard;
  if (named != texts.end()) {
    with_name("preset", [&] { preset = parse_name("preset", named->second, kPresets); });
  }
  apply_preset(options, preset);
  for (const OptionInfo& info : option_table()) {
    const auto text = texts.find(info.name);
    if (text == texts.end()) continue;
    if (!info.is_path && !is_utf8(text->second)) {
      mistake("--" + info.name + ": the text is not UTF-8; write it in that encoding");
    }
    with_name(info.name, [&] { apply(options, info.name, text->second, known); });
    if (info.of_run) options.given[info.name] = text->second;
  }
  return options;
}

/// Whether two sets of options ask for the same measurements.
bool same_run(Options a, const Options& b) {
  a.given = b.given;
  a.sizes_given = b.sizes_given;
  return a == b;
}

bool is_run_option(std::string_view name) {
  const auto& table = option_table();
  return std::any_of(table.begin(), table.end(),
                     [name](const OptionInfo& info) { return info.of_run && info.name == name; });
}

/// The interrupted run's options as texts.
Texts recorded_texts(const nlohmann::ordered_json& recorded) {
  if (!recorded.is_object()) mistake("the run's JSON records no options; start a new run");
  Texts texts;
  for (const auto& [option, text] : recorded.items()) {
    if (!is_run_option(option) || !text.is_string()) {
      mistake("the run's JSON records an option " + in_quotes(option) +
              " that cannot be resumed; start a new run");
    }
    texts[option] = text.get<std::string>();
  }
  return texts;
}

std::string shell_quoted(const std::string& argument) {
  const bool plain = !argument.empty() && std::all_of(argument.begin(), argument.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           std::string_view("%+,-./:=@_").find(c) != std::string_view::npos;
  });
  if (plain) return argument;
  std::string result = "'";
  for (const char c : argument) result += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return result + "'";
}

}  // namespace

PresetPlan plan_of(Preset preset) {
  switch (preset) {
    case Preset::quick:
      return {"1Ki..64Mi:x8,64Mi", 30, 0.01, 5, 60};
    case Preset::standard:
      return {"1Ki..256Mi:x4", 60, 0.02, 2, 300};
    case Preset::thorough:
      break;
  }
  return {"1Ki..1Gi:x2", 300, 0.05, 1, 1800};
}

Options parse_command_line(const std::vector<std::string>& arguments, const KnownNames& known) {
  const CommandLine line = read_command_line(arguments, known);
  if (line.given.contains("version")) throw EarlyExit{0, version_text()};
  Options options = understand(line.given, known);
  options.benchmark_flags = line.benchmark_flags;
  if (!options.output.empty() && !options.resume.empty()) {
    mistake("--resume goes on in its own file; leave --output out");
  }
  if (options.list && options.machine) {
    mistake("--list and --machine each print one thing and exit; give one of them");
  }
  return options;
}

Options resume_options(const nlohmann::ordered_json& recorded, const Options& call,
                       const KnownNames& known) {
  const Texts texts = recorded_texts(recorded);
  Options run;
  try {
    run = understand(texts, known);
  } catch (const EarlyExit& mistaken) {
    mistake("the options in the run's JSON are not right: " + mistaken.text);
  }
  for (const auto& [option, value] : call.given.items()) {
    Texts changed = texts;
    changed[option] = value.get<std::string>();
    if (same_run(run, understand(changed, known))) continue;
    const auto before = texts.find(option);
    mistake(fmt::format("--{} is {} here but {} in the run to be resumed; leave it out", option,
                        in_quotes(changed[option]),
                        before == texts.end() ? "not given" : in_quotes(before->second)));
  }
  run.list = call.list;
  run.machine = call.machine;
  run.quiet = call.quiet;
  run.output = call.output;
  run.resume = call.resume;
  run.benchmark_out = call.benchmark_out;
  run.benchmark_flags = call.benchmark_flags;
  return run;
}

std::string printable_command(const std::vector<std::string>& arguments) {
  const auto is_path = [](std::string_view option) {
    const auto& table = option_table();
    return std::any_of(table.begin(), table.end(), [option](const OptionInfo& info) {
      return info.is_path && option == "--" + info.name;
    });
  };
  std::string command = "crossover";
  const auto last_component = [](std::string_view path) {
    return std::filesystem::path(path).filename().string();
  };
  bool path_follows = false;
  for (const std::string& argument : arguments) {
    std::string shown = argument;
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    // What Google Benchmark's own flags hold is not known here, except that no regular expression
    // is among them.
    const bool library_flag = name.starts_with("--benchmark_") && name != "--benchmark_filter";
    if (path_follows) {
      shown = last_component(argument);
    } else if (equals != std::string::npos && (is_path(name) || library_flag)) {
      shown = name + "=" + last_component(argument.substr(equals + 1));
    }
    path_follows = !path_follows && is_path(argument);
    command += ' ' + shell_quoted(shown);
  }
  return command;
}

}  // namespace crossover
