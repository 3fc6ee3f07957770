#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <utility>

#include "common/harness/command_line.hpp"
#include "common/harness/output_name.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"

namespace crossover {
namespace {

enum class Variants { best, all };
std::string_view name(Variants variants) { return variants == Variants::best ? "best" : "all"; }
using crossover::name;

template <class E, std::size_t N>
E parse_name(std::string_view kind, std::string_view text, const std::array<E, N>& values) {
  std::vector<std::string> names;
  for (const E value : values) {
    if (text == name(value)) return value;
    names.emplace_back(name(value));
  }
  throw ParseError(unknown_name(kind, text, names, names));
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
  constexpr std::size_t kLongest = 1000;
  if (text.size() > kLongest) {
    throw ParseError(
        fmt::format("{} characters are too long for a regular expression; at most {} "
                    "are right",
                    text.size(), kLongest));
  }
  if (const RE2 compiled(text, RE2::Quiet); !compiled.ok()) {
    throw ParseError(in_quotes(text) + " is no regular expression (" + compiled.error() +
                     "); write one in RE2's syntax, for example reduce/f32/.*/w:1$");
  }
  return text;
}

std::string parse_label(const std::string& text) {
  // Not what a spreadsheet takes for a formula, nor what nobody sees (control characters, marks of
  // direction, spaces without width). It becomes a part of files' names, which have 255 bytes.
  static const RE2 right(R"([^\pC\pZ/=+@-]([^\pC\p{Zl}\p{Zp}/]{0,62}[^\pC\pZ/])?)");
  constexpr std::size_t kMostBytes = 192;
  if (!RE2::FullMatch(text, right) || text.size() > kMostBytes) {
    throw ParseError(in_quotes(text) +
                     " is no label; write 1 to 64 visible characters (192 bytes), no slash among "
                     "them, no space at the ends and none of = + - @ in front");
  }
  return text;
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

void apply_preset(Options& options, Preset preset) {
  const PresetPlan plan = plan_of(preset);
  options.preset = preset;
  options.sizes = parse_sizes(plan.sizes);
  options.quoted_elements = plan.quoted_elements;
  options.rounds_wanted = plan.rounds_wanted;
  options.rounds = plan.rounds;
  options.min_time_s = plan.min_time_s;
  options.precision_percent = plan.precision_percent;
  options.budget_s = plan.budget_s;
  options.workloads = plan.workloads;
  options.all_variants = plan.all_variants;
}

}  // namespace

PresetPlan plan_of(Preset preset) {
  // Arrays of 256 MiB (f32): beyond the caches, and cheap enough for many rounds.
  constexpr std::uint64_t kQuoted = std::uint64_t{64} << 20;
  static const std::array<PresetPlan, 4> plans{
      {{"1Ki..64Mi", kQuoted, 9, 30, 0.045, 5, 60},
       {"1Ki..256Mi", kQuoted, 16, 60, 0.08, 2, 300},
       {"1Ki..1Gi", kQuoted, 31, 300, 0.1, 1, 1800},
       // What docs/teaching.md speaks of: every way, at few sizes.
       {"1Ki..64Mi:x16",
        kQuoted,
        8,
        30,
        0.02,
        5,
        180,
        {"double", "count", "create", "switch", "wait"},
        true}}};
  return plans[static_cast<std::size_t>(preset)];
}

const std::vector<OptionInfo>& option_table() {
  // The groups, in the order of `--help`.
  static const std::string measure = "What to measure";
  static const std::string where = "Where it runs";
  static const std::string how = "How long and how precisely";
  static const std::string results = "Results";
  static const std::string help = "Help";
  using Kind = OptionInfo::Kind;
  static const std::vector<OptionInfo> table{
      {"workloads", "LIST", measure, "of {workloads};\ndefault: {default workloads}",
       "double,reduce",
       [](auto& to, auto& text, auto& known) {
         to.workloads = parse_list(text);
         for (const std::string& entry : to.workloads) {
           check_name("workload", entry, known.workloads, known.shown_workloads);
         }
       }},
      {"models", "LIST", measure,
       "of {models},\nor name/variant, as openmp/static;\n"
       "default: all that this machine can run",
       "serial,openmp",
       [](auto& to, auto& text, auto& known) { to.models = parse_models(text, known); }},
      {"variants", "best|all", measure,
       "best: a model's best and its library baseline;\n"
       "all: every step of its ladder; default: best",
       "all",
       [](auto& to, auto& text, auto&) {
         to.all_variants =
             parse_name("choice", text, std::array{Variants::best, Variants::all}) == Variants::all;
       }},
      {"types", "LIST", measure, "of f32, f64, i32, i64; default: f32", "f32,i64",
       [](auto& to, auto& text, auto&) { to.types = parse_names("type", text, kElementTypes); }},
      {"sizes", "SPEC", measure,
       "elements: 4096, 64Ki, 16Mi, 1Gi (powers of 1024, 0 to 256Ti), lists 1Ki,1Mi, ranges "
       "1Ki..256Mi\n"
       "(times 2), 1Ki..256Mi:x4; default: the preset's;\n"
       "what has sizes of its own keeps them unless --workloads names it",
       "1Ki..256Mi:x4",
       [](auto& to, auto& text, auto&) {
         to.sizes = parse_sizes(text);
         to.sizes_given = true;
         to.quoted_elements = *std::max_element(to.sizes.begin(), to.sizes.end());
       }},
      {"scopes", "LIST", measure,
       "what the clock covers, of resident, kernel,\noffload; default: all that apply",
       "resident,offload",
       [](auto& to, auto& text, auto&) { to.scopes = parse_names("scope", text, kScopes); }},
      {"cache", "warm|cold", measure,
       "cold: no operation finds its data in a cache (of\n"
       "CPU or GPU); a list measures both; default: warm",
       "warm,cold",
       [](auto& to, auto& text, auto&) { to.caches = parse_names("cache", text, kCaches); }},
      {"form", "NAME", measure,
       "the form of the CPU models' loops (JSON `forms` has the names), for example "
       "v64-ahead2048;\n"
       "default: chosen by measuring before round one",
       "v64", [](auto& to, auto& text, auto&) { to.form = text; }},
      {"filter", "REGEX", measure,
       "only configurations whose name matches somewhere (RE2), for example "
       "reduce/f32/.*/w:1$",
       "reduce/f32", [](auto& to, auto& text, auto&) { to.filter = parse_filter(text); }},
      {"list", "", measure, "print what would run, one name a line, and exit", "",
       [](auto& to, auto&, auto&) { to.list = true; }, Kind::of_call},
      {"threads", "SPEC", where,
       "1,2,4 or 1..16 or auto: 1, 2, 4 ... all physical cores, all hardware threads; "
       "default: auto",
       "1,2,4",
       [](auto& to, auto& text, auto&) {
         to.threads.reset();
         if (text != "auto") to.threads = parse_counts(text, kMostWorkers);
       }},
      {"sms", "SPEC", where,
       "a GPU's multiprocessors: 1,2,4 or 1..16 or all or\nauto: 1, 2, 4 ... all; "
       "default: auto at the size that rates are quoted at, all at the others",
       "auto",
       [](auto& to, auto& text, auto&) {
         to.sms_given = true;
         to.sms.reset();
         if (text != "all") to.sms.emplace();
         if (text != "all" && text != "auto") to.sms = parse_counts(text, kMostWorkers);
       }},
      {"device", "LIST|all", where, "CUDA device numbers, 0,1 or 0..3; default: 0", "0,1",
       [](auto& to, auto& text, auto&) {
         constexpr int kLastDevice = 1023;
         to.devices = text == "all" ? std::vector<int>{} : parse_counts(text, kLastDevice, 0);
       }},
      {"pin", "cores|threads|none", where,
       "cores: one worker a physical core before any SMT sibling; threads: a core's siblings "
       "first;\ndefault: cores",
       "threads",
       [](auto& to, auto& text, auto&) {
         to.pin = parse_name("pinning", text, std::array{Pin::cores, Pin::threads, Pin::none});
       }},
      {"scaling", "strong|weak", where,
       "weak: --sizes counts elements per worker;\ndefault: strong", "weak",
       [](auto& to, auto& text, auto&) {
         to.scaling = parse_name("scaling", text, std::array{Scaling::strong, Scaling::weak});
       }},
      {"preset", "NAME", how,
       "quick, standard or thorough: at most 1, 5 and 30\nminutes on any machine; lesson: at most "
       "3, what\ndocs/teaching.md speaks of; default: standard",
       "quick",
       [](auto& to, auto& text, auto&) { apply_preset(to, parse_name("preset", text, kPresets)); }},
      {"rounds", "N", how, "at most so many samples of each, 1 to 1000000;\nthe first is a pilot",
       "30", [](auto& to, auto& text, auto&) { to.rounds = parse_count(text, 1, 1'000'000); }},
      {"min-time", "SECONDS", how, "a sample lasts at least so long, up to 3600", "0.05",
       [](auto& to, auto& text, auto&) { to.min_time_s = parse_seconds(text, 3600); }},
      {"precision", "PERCENT", how,
       "stop when every median is known to within this (half-width of its 95 % interval), up to "
       "100",
       "2", [](auto& to, auto& text, auto&) { to.precision_percent = parse_percent(text); }},
      {"budget", "SECONDS", how, "stop after so long, up to 10000000", "300",
       [](auto& to, auto& text, auto&) { to.budget_s = parse_seconds(text, 1e7); }},
      {"output", "FILE.csv|FOLDER", results,
       "a new file for the results, with FILE.json beside\nit describing run and machine; {node}, "
       "{label} and\n{time} in it are replaced; a folder gets a name of\nits own;\n"
       "default: results/{label}-{time}.csv",
       "lab/{node}.csv", [](auto& to, auto& text, auto&) { to.output = parse_output(text); },
       Kind::path},
      {"resume", "FILE.csv", results,
       "go on with a run that was interrupted, or that had\nno time for everything: its options "
       "come from\nFILE.json (--budget and --rounds may be new), what\nFILE.csv has is not "
       "measured "
       "again",
       "results/mine.csv", [](auto& to, auto& text, auto&) { to.resume = parse_csv_path(text); },
       Kind::path},
      {"label", "NAME", results,
       "the machine's name in the results, 1 to 64 characters; default: the host name",
       "workstation", [](auto& to, auto& text, auto&) { to.label = parse_label(text); }},
      {"summary", "short|full", results, "short: the answers; full: every number; default: short",
       "full",
       [](auto& to, auto& text, auto&) {
         to.summary = parse_name("summary", text, std::array{Summary::brief, Summary::full});
       },
       Kind::of_call},
      {"benchmark_out", "FILE", "", "", "samples.json",
       [](auto& to, auto& text, auto&) { to.benchmark_out = text; }, Kind::path},
      {"benchmark_out_format", "json", "", "", "json",
       [](auto&, auto& text, auto&) {
         if (text != "json") throw ParseError(in_quotes(text) + " is not written here; write json");
       },
       Kind::of_call},
      {"quiet", "", results, "no progress and no summary", "",
       [](auto& to, auto&, auto&) { to.quiet = true; }, Kind::of_call},
      {"machine", "", help, "print the machine's description as JSON and exit", "",
       [](auto& to, auto&, auto&) { to.machine = true; }, Kind::of_call},
      {"version", "", help, "print version, commit, compiler and libraries", "",
       [](auto&, auto&, auto&) {}, Kind::of_call},
  };
  return table;
}

const OptionInfo* find_option(std::string_view name) {
  const auto& table = option_table();
  const auto found = std::find_if(table.begin(), table.end(),
                                  [name](const OptionInfo& option) { return option.name == name; });
  return found == table.end() ? nullptr : &*found;
}

}  // namespace crossover
