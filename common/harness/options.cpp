#include "common/harness/options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "common/harness/build.hpp"
#include "common/harness/command_line.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

using Texts = std::map<std::string, std::string>;

Options understand(const Texts& texts, const KnownNames& known) {
  Options options;
  const auto set = [&](std::string_view option, const std::string& text) {
    find_option(option)->set(options, text, known);
  };
  options.label = "unnamed";
  try {
    const std::string host = host_name().substr(0, 64);
    if (is_utf8(host)) set("label", host);
  } catch (const ParseError&) {
  }
  const auto take = [&](const std::string& option, const std::string& text) {
    try {
      set(option, text);
    } catch (const ParseError& error) {
      mistake("--" + option + ": " + error.what());
    }
  };
  // First, for the others override what it says.
  const auto preset = texts.find("preset");
  take("preset", preset == texts.end() ? "standard" : preset->second);
  for (const OptionInfo& info : option_table()) {
    const auto text = texts.find(info.name);
    if (text == texts.end()) continue;
    if (info.kind != OptionInfo::Kind::path && !is_utf8(text->second)) {
      mistake("--" + info.name + ": the text is not UTF-8; write it in that encoding");
    }
    if (text != preset) take(info.name, text->second);
    if (info.kind == OptionInfo::Kind::of_run) options.given[info.name] = text->second;
  }
  return options;
}

/// Whether two sets of options ask for the same measurements.
bool same_run(Options a, const Options& b) {
  a.given = b.given;
  a.sizes_given = b.sizes_given;
  return a == b;
}

/// The interrupted run's options as texts.
Texts recorded_texts(const nlohmann::ordered_json& recorded) {
  if (!recorded.is_object()) mistake("the run's JSON records no options; start a new run");
  Texts texts;
  for (const auto& [option, text] : recorded.items()) {
    const OptionInfo* const info = find_option(option);
    if (info == nullptr || info->kind != OptionInfo::Kind::of_run || !text.is_string()) {
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
  Texts texts = recorded_texts(recorded);
  // How long a run goes on may be decided anew.
  for (const char* const option : {"budget", "rounds"}) {
    if (call.given.contains(option)) texts[option] = call.given.at(option).get<std::string>();
  }
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
  run.summary = call.summary;
  run.output = call.output;
  run.resume = call.resume;
  run.benchmark_out = call.benchmark_out;
  run.benchmark_flags = call.benchmark_flags;
  return run;
}

std::string printable_command(const std::vector<std::string>& arguments) {
  const auto is_path = [](std::string_view argument) {
    const OptionInfo* const info =
        argument.starts_with("--") ? find_option(argument.substr(2)) : nullptr;
    return info != nullptr && info->kind == OptionInfo::Kind::path;
  };
  std::string command = "crossover";
  const auto shown_path = [](std::string_view option, std::string_view path) -> std::string {
    // A folder's name may be a user's.
    if (option == "--output" && !path.ends_with(".csv")) return ".";
    return std::filesystem::path(path).filename();
  };
  std::string path_of;  // the option whose path comes next
  for (const std::string& argument : arguments) {
    std::string shown = argument;
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    // What Google Benchmark's own flags hold is not known here, except that no regular expression
    // is among them.
    const bool library_flag = name.starts_with("--benchmark_") && name != "--benchmark_filter";
    if (!path_of.empty()) {
      shown = shown_path(path_of, argument);
    } else if (equals != std::string::npos && (is_path(name) || library_flag)) {
      shown = name + "=" + shown_path(name, argument.substr(equals + 1));
    }
    path_of = path_of.empty() && is_path(argument) ? argument : "";
    command += ' ' + shell_quoted(shown);
  }
  return command;
}

}  // namespace crossover
