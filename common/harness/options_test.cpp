#include "common/harness/options.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "common/harness/command_line.hpp"
#include "common/harness/parse.hpp"

namespace crossover {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

const KnownNames kKnown{{"double", "reduce", "fma1", "fma2", "fma4", "wait"},
                        {"serial", "threads", "openmp", "stdpar", "cuda"},
                        {"double", "reduce", "fma1 ... fma4", "wait"},
                        {"double", "reduce", "wait"}};

Options parse(const std::vector<std::string>& arguments) {
  return parse_command_line(arguments, kKnown);
}

/// The line for a command line that is wrong.
std::string mistake_in(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const EarlyExit& exit) {
    EXPECT_EQ(exit.status, 2);
    EXPECT_EQ(exit.text.find('\n'), std::string::npos) << exit.text;
    return exit.text;
  }
  ADD_FAILURE() << "accepted: " << testing::PrintToString(arguments);
  return {};
}

std::string printed_by(const std::vector<std::string>& arguments) {
  try {
    parse(arguments);
  } catch (const EarlyExit& exit) {
    EXPECT_EQ(exit.status, 0);
    return exit.text;
  }
  ADD_FAILURE() << "no text";
  return {};
}

TEST(Options, DefaultsAreTheStandardPreset) {
  const Options options = parse({});
  EXPECT_THAT(options.workloads, IsEmpty());
  EXPECT_THAT(options.models, IsEmpty());
  EXPECT_FALSE(options.all_variants);
  EXPECT_THAT(options.types, ElementsAre(ElementType::f32));
  EXPECT_EQ(options.sizes, parse_sizes("1Ki..256Mi"));
  EXPECT_EQ(options.sizes.back(), std::uint64_t{256} << 20);
  EXPECT_EQ(options.threads, std::nullopt);
  EXPECT_EQ(options.sms, std::nullopt);
  EXPECT_THAT(options.caches, ElementsAre(Cache::warm));
  EXPECT_EQ(options.scopes, std::nullopt);
  EXPECT_EQ(options.scaling, Scaling::strong);
  EXPECT_EQ(options.pin, Pin::cores);
  EXPECT_THAT(options.devices, ElementsAre(0));
  EXPECT_EQ(options.preset, Preset::standard);
  EXPECT_EQ(options.rounds, 60);
  EXPECT_EQ(options.min_time_s, 0.08);
  EXPECT_EQ(options.rounds_wanted, 16);
  EXPECT_EQ(options.quoted_elements, std::uint64_t{64} << 20);
  EXPECT_EQ(options.summary, Summary::brief);
  EXPECT_FALSE(options.sms_given);
  EXPECT_EQ(options.precision_percent, 2);
  EXPECT_EQ(options.budget_s, 300);
  EXPECT_FALSE(options.label.empty());
  EXPECT_TRUE(options.given.empty());
}

TEST(Options, ReadsEveryOption) {
  const Options options = parse({"--workloads", "reduce",     "--models",   "serial,openmp/static",
                                 "--variants",  "all",        "--types",    "f64,i32",
                                 "--sizes",     "1Ki..4Ki",   "--threads",  "1..3",
                                 "--sms",       "1,2",        "--scopes",   "kernel,offload",
                                 "--scaling",   "weak",       "--cache",    "cold",
                                 "--pin",       "none",       "--device",   "0..1",
                                 "--rounds",    "7",          "--min-time", "0.5",
                                 "--precision", "1.5%",       "--budget",   "99",
                                 "--filter",    "f64|i[32]+", "--output",   "some/run.csv",
                                 "--label",     "box",        "--quiet",    "--benchmark_out",
                                 "b.json",      "--summary",  "full"});
  EXPECT_THAT(options.workloads, ElementsAre("reduce"));
  EXPECT_THAT(options.models,
              ElementsAre(ModelChoice{"serial", ""}, ModelChoice{"openmp", "static"}));
  EXPECT_TRUE(options.all_variants);
  EXPECT_THAT(options.types, ElementsAre(ElementType::f64, ElementType::i32));
  EXPECT_THAT(options.sizes, ElementsAre(1024, 2048, 4096));
  EXPECT_THAT(options.threads.value(), ElementsAre(1, 2, 3));
  EXPECT_THAT(options.sms.value(), ElementsAre(1, 2));
  EXPECT_THAT(options.caches, ElementsAre(Cache::cold));
  EXPECT_THAT(options.scopes.value(), ElementsAre(Scope::kernel, Scope::offload));
  EXPECT_EQ(options.scaling, Scaling::weak);
  EXPECT_EQ(options.pin, Pin::none);
  EXPECT_THAT(options.devices, ElementsAre(0, 1));
  EXPECT_EQ(options.rounds, 7);
  EXPECT_EQ(options.min_time_s, 0.5);
  EXPECT_EQ(options.precision_percent, 1.5);
  EXPECT_EQ(options.budget_s, 99);
  EXPECT_EQ(options.filter, "f64|i[32]+");
  EXPECT_EQ(options.output, "some/run.csv");
  EXPECT_EQ(options.label, "box");
  EXPECT_EQ(options.summary, Summary::full);
  EXPECT_TRUE(options.sms_given);
  EXPECT_EQ(options.quoted_elements, 4096U) << "the largest that was asked for";
  EXPECT_TRUE(options.quiet);
  EXPECT_EQ(options.benchmark_out, "b.json");
  EXPECT_EQ(options.given.dump(),
            R"({"workloads":"reduce","models":"serial,openmp/static","variants":"all",)"
            R"("types":"f64,i32","sizes":"1Ki..4Ki","scopes":"kernel,offload","cache":"cold",)"
            R"("filter":"f64|i[32]+","threads":"1..3","sms":"1,2","device":"0..1","pin":"none",)"
            R"("scaling":"weak","rounds":"7","min-time":"0.5","precision":"1.5%","budget":"99",)"
            R"("label":"box"})");
}

TEST(Options, TakesValuesBehindAnEqualsSign) {
  EXPECT_EQ(parse({"--filter=a=b"}).filter, "a=b");
  // No brackets or quotation marks are taken off a value.
  EXPECT_EQ(parse({"--filter=[ab]"}).filter, "[ab]");
  EXPECT_EQ(parse({"--filter", "\"x\""}).filter, "\"x\"");
  EXPECT_EQ(parse({"--filter", "-x"}).filter, "-x");
}

TEST(Options, EachPresetIsConsistent) {
  for (const auto& [name, minutes] :
       {std::pair{"quick", 1}, {"standard", 5}, {"thorough", 30}, {"lesson", 3}}) {
    const Options options = parse({"--preset", name});
    EXPECT_EQ(options.budget_s, minutes * 60) << name;
    EXPECT_EQ(options.sizes.front(), 1024U) << name;
  }
  EXPECT_EQ(parse({"--preset", "quick"}).sizes.back(), std::uint64_t{64} << 20);
  EXPECT_EQ(parse({"--preset", "thorough"}).sizes.back(), std::uint64_t{1} << 30);
  const Options quick = parse({"--rounds", "9", "--preset", "quick", "--sizes", "5"});
  EXPECT_EQ(quick.rounds, 9) << "an option overrides the preset, in whatever order";
  EXPECT_THAT(quick.sizes, ElementsAre(5));
  EXPECT_EQ(quick.precision_percent, 5);
  EXPECT_THAT(quick.workloads, IsEmpty());
  EXPECT_FALSE(quick.all_variants);
  const Options lesson = parse({"--preset", "lesson"});
  EXPECT_THAT(lesson.workloads, ElementsAre("double", "count", "create", "switch", "wait"));
  EXPECT_TRUE(lesson.all_variants);
  const Options asked = parse({"--preset", "lesson", "--workloads", "wait", "--variants", "best"});
  EXPECT_THAT(asked.workloads, ElementsAre("wait"));
  EXPECT_FALSE(asked.all_variants);
}

TEST(Options, EveryMistakeIsOneLine) {
  struct Case {
    std::vector<std::string> arguments;
    std::string says, and_says;
  };
  const std::vector<Case> cases{
      {{"--workloads", "triple"},
       "--workloads: unknown workload 'triple'",
       "double, reduce, fma1 ... fma4, wait"},
      {{"--workloads", "fma3"}, "unknown workload 'fma3'", "did you mean fma1?"},
      {{"--cache", "hot"}, "--cache: unknown cache 'hot'", "warm, cold"},
      {{"--cache", "warm,"}, "--cache: ", "empty"},
      {{"--models", "opnemp"}, "serial, threads, openmp, stdpar, cuda", "did you mean openmp?"},
      {{"--models", "openmp/"}, "neither a model nor model/variant", "write openmp"},
      {{"--models", "a/b/c"}, "--models: unknown model 'a'", "openmp"},
      {{"--models", "openmp/a/b"}, "neither a model nor model/variant", "one slash"},
      {{"--models", "serial,,openmp"}, "empty", "--models: "},
      {{"--variants", "some"}, "--variants: ", "best, all"},
      {{"--types", "f16"}, "--types: unknown type 'f16'", "f32, f64, i32, i64"},
      {{"--types", ","}, "--types: ", "empty"},
      {{"--sizes", "64k"}, "--sizes: '64k' is not a size", "64Ki"},
      {{"--sizes", "18446744073709551617"}, "--sizes: ", "at most 256Ti"},
      {{"--sizes", "-5"}, "--sizes: '-5'", "4096"},
      {{"--threads", "0"}, "--threads: '0'", "1 to 65536"},
      {{"--threads", "65537"}, "--threads: '65537'", "1 to 65536"},
      {{"--threads", "1,auto"}, "--threads: 'auto'", "1 to 65536"},
      {{"--sms", "none"}, "--sms: 'none'", "1 to 65536"},
      {{"--scopes", "host"}, "--scopes: unknown scope", "resident, kernel, offload"},
      {{"--scaling", "Weak"}, "--scaling: ", "strong, weak"},
      {{"--pin", "socket"}, "--pin: ", "cores, threads, none"},
      {{"--device", "gpu0"}, "--device: 'gpu0'", "0 to 1023"},
      {{"--preset", "fast"}, "--preset: unknown preset 'fast'", "quick, standard, thorough"},
      {{"--rounds", "0"}, "--rounds: '0'", "1 to 1000000"},
      {{"--rounds", "1.5"}, "--rounds: '1.5'", "whole number"},
      {{"--rounds", "1000001"}, "--rounds: ", "1 to 1000000"},
      {{"--min-time", "0"}, "--min-time: '0'", "above 0, at most 3600"},
      {{"--min-time", "3601"}, "--min-time: ", "0 to 3600"},
      {{"--min-time", "nan"}, "--min-time: 'nan' is not a number", "0.5"},
      {{"--precision", "0"}, "--precision: ", "above 0, at most 100"},
      {{"--precision", "101"}, "--precision: ", "0 to 100"},
      {{"--budget", "-1"}, "--budget: '-1'", "0 to 10000000"},
      {{"--budget", "1e3"}, "--budget: '1e3'", "plain decimals"},
      {{"--filter", "(a"}, "--filter: '(a' is no regular expression", "for example"},
      {{"--filter", std::string(1001, 'a')}, "--filter: 1001 characters", "at most 1000"},
      {{"--filter", "((a{1,99}){1,99}){1,99}"}, "is no regular expression", "for example"},
      {{"--filter", "\xFF"}, "--filter: ", "UTF-8"},
      {{"--output", "run.json"}, "--output: 'run.json'", ".csv"},
      {{"--output", "{host}.csv"}, "--output: '{host}'", "{node}"},
      {{"--output", ".csv"}, "--output: ", "results/mine.csv"},
      {{"--resume", "run"}, "--resume: 'run'", ".csv"},
      {{"--output", "a.csv", "--resume", "b.csv"}, "--resume goes on", "leave --output out"},
      {{"--label", "a/b"}, "--label: 'a/b' is no label", "1 to 64 visible characters"},
      {{"--label", "a\nb"}, "--label: 'a?b' is no label", "1 to 64"},
      {{"--label", std::string(65, 'x')}, "--label: ", "1 to 64"},
      {{"--label", " x"}, "--label: ", "no space at the ends"},
      {{"--label", "x "}, "--label: ", "no space at the ends"},
      {{"--label", "=cmd()"}, "--label: ", "in front"},
      {{"--label", "+1"}, "--label: ", "in front"},
      {{"--label", "@sum"}, "--label: ", "in front"},
      {{"--label=-1"}, "--label: ", "in front"},
      {{"--label", "a\u202Eb"}, "--label: ", "visible"},
      {{"--label", "a\u200Bb"}, "--label: ", "visible"},
      {{"--label", "a\u2028b"}, "--label: ", "visible"},
      {{"--label", "\uFEFFa"}, "--label: ", "visible"},
      {{"--label", "a\u0085b"}, "--label: ", "visible"},
      {{"--list", "--machine"}, "--list and --machine", "one of them"},
      {{"--with=my.hpp"}, "--with belongs to a checkout's scripts/run", "docs/own-workload.md"},
      {{"--repeat", "5"}, "--repeat belongs to a checkout's scripts/run", "so many times"},
      {{"--size", "4"}, "unknown option '--size'", "did you mean --sizes?"},
      {{"--frobnicate"}, "unknown option '--frobnicate'", "--help"},
      {{"-j", "4"}, "unknown option '-j'", "--help"},
      {{"--Sizes", "4"}, "unknown option '--Sizes'", "--sizes"},
      {{"-sizes", "4"}, "unknown option '-sizes'", "did you mean --sizes?"},
      {{"serial"}, "'serial' belongs to no option", "--help"},
      {{"--models", "serial,", "openmp"}, "'openmp' belongs to no option", "no spaces"},
      {{"--", "x"}, "belongs to no option", "--help"},
      {{""}, "'' belongs to no option", "--help"},
      {{"--sizes"}, "--sizes needs a value", "for example --sizes 1Ki..256Mi:x4"},
      {{"--sizes="}, "--sizes needs a value", "for example"},
      {{"--sizes", ""}, "--sizes needs a value", "for example"},
      {{"--sizes", "--list"}, "--sizes needs a value", "for example"},
      {{"--benchmark_filter="}, "--filter needs a value", "for example"},
      {{"--rounds", "1", "--rounds", "1"}, "--rounds is given twice", "once"},
      {{"--quiet", "--quiet"}, "--quiet is given twice", "once"},
      {{"--filter=a", "--benchmark_filter=a"}, "--filter is given twice", "once"},
      {{"--list=5"}, "--list takes no value", "'5'"},
      {{"--benchmark_out_format=csv"}, "--benchmark_out_format: 'csv'", "json"},
      {{"--benchmark_min_time=10x"}, "--min-time: '10x' counts iterations", "seconds"},
      {{"--benchmark_enable_random_interleaving=false"}, "cannot be turned off", "order"},
  };
  for (const Case& wrong : cases) {
    EXPECT_THAT(mistake_in(wrong.arguments),
                AllOf(HasSubstr(wrong.says), HasSubstr(wrong.and_says)))
        << testing::PrintToString(wrong.arguments);
  }
}

TEST(Options, LabelHas64CharactersNotBytes) {
  std::string label;
  for (int i = 0; i < 64; ++i) label += "\u00e9";
  EXPECT_EQ(parse({"--label", label}).label, label);
  for (const char* const other : {"a b", "x-1+2=@", "\u4e2d\u6587", "\U0001F600"}) {
    EXPECT_EQ(parse({"--label", other}).label, other);
  }
  std::string faces;
  for (int i = 0; i < 49; ++i) faces += "\U0001F600";
  mistake_in({"--label", faces});  // of four bytes each
  mistake_in({"--label", label + "\u00e9"});
}

TEST(Options, GoogleBenchmarksNamesMeanOurs) {
  const Options options =
      parse({"--benchmark_filter=reduce", "--benchmark_min_time=0.5s", "--benchmark_repetitions=12",
             "--benchmark_list_tests=true", "--benchmark_out=x.json", "--benchmark_out_format=json",
             "--benchmark_enable_random_interleaving=true"});
  EXPECT_EQ(options.filter, "reduce");
  EXPECT_EQ(options.min_time_s, 0.5);
  EXPECT_EQ(options.rounds, 12);
  EXPECT_TRUE(options.list);
  EXPECT_EQ(options.benchmark_out, "x.json");
  EXPECT_THAT(options.benchmark_flags, IsEmpty());
  EXPECT_EQ(options.given.dump(), R"({"filter":"reduce","rounds":"12","min-time":"0.5s"})");
  EXPECT_FALSE(parse({"--benchmark_list_tests=false"}).list);
}

TEST(Options, PassesGoogleBenchmarksOtherFlags) {
  EXPECT_THAT(parse({"--benchmark_counters_tabular=true", "--quiet", "--benchmark_context=a=b"})
                  .benchmark_flags,
              ElementsAre("--benchmark_counters_tabular=true", "--benchmark_context=a=b"));
}

TEST(Options, HelpTellsEveryOption) {
  const std::string help = printed_by({"--help"});
  for (const OptionInfo& option : option_table()) {
    EXPECT_THAT(help, HasSubstr("--" + option.name)) << option.name;
    if (!option.value.empty() && !option.group.empty()) {
      EXPECT_THAT(help, HasSubstr("--" + option.name + " " + option.value));
    }
    EXPECT_EQ(option.value.empty(), option.example.empty()) << option.name;
  }
  for (const char* text :
       {"of double, reduce, fma1 ... fma4, wait;", "default: double, reduce, wait", "1Ki..256Mi:x4",
        "quick", "thorough", "Exit status", "default: the host name", "What to measure:"}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
  EXPECT_THAT(help, testing::Not(HasSubstr("\n\n\n")));
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
  EXPECT_EQ(printed_by({"-h"}), help);
  EXPECT_EQ(printed_by({"--help", "--bogus"}), help);
}

TEST(Options, EveryExampleIsRight) {
  for (const OptionInfo& option : option_table()) {
    if (option.value.empty()) continue;
    EXPECT_NO_THROW(parse({"--" + option.name, option.example})) << option.name;
  }
}

TEST(Options, VersionTellsWhatWasBuilt) {
  EXPECT_THAT(printed_by({"--version"}),
              AllOf(StartsWith("crossover "), HasSubstr("(commit "), HasSubstr("built by ")));
}

std::string refusal_to_resume(const nlohmann::ordered_json& recorded,
                              const std::vector<std::string>& call) {
  try {
    resume_options(recorded, parse(call), kKnown);
  } catch (const EarlyExit& exit) {
    EXPECT_EQ(exit.status, 2);
    EXPECT_EQ(exit.text.find('\n'), std::string::npos) << exit.text;
    return exit.text;
  }
  ADD_FAILURE() << "accepted";
  return {};
}

TEST(ResumeOptions, AreTheRecordedOnes) {
  const Options first = parse({"--sizes", "1Ki", "--filter", "x=[y]", "--threads", "1..4",
                               "--rounds", "5", "--label", "a"});
  const Options resumed = resume_options(
      first.given, parse({"--resume", "r.csv", "--quiet", "--benchmark_x=1"}), kKnown);
  EXPECT_EQ(resumed.sizes, first.sizes);
  EXPECT_EQ(resumed.filter, "x=[y]");
  EXPECT_EQ(resumed.threads, first.threads);
  EXPECT_EQ(resumed.rounds, 5);
  EXPECT_EQ(resumed.label, "a");
  EXPECT_EQ(resumed.given, first.given);
  EXPECT_EQ(resumed.resume, "r.csv");
  EXPECT_TRUE(resumed.quiet);
  EXPECT_THAT(resumed.benchmark_flags, ElementsAre("--benchmark_x=1"));
}

TEST(ResumeOptions, AgreeByMeaning) {
  const nlohmann::ordered_json recorded{{"sizes", "1024,2048"}, {"precision", "3"}};
  EXPECT_NO_THROW(resume_options(
      recorded,
      parse({"--resume=r.csv", "--sizes=1Ki..2Ki", "--precision=3.0%", "--preset=standard"}),
      kKnown));
}

TEST(ResumeOptions, TakeANewBudgetAndNewRounds) {
  const nlohmann::ordered_json recorded{{"budget", "5"}, {"sizes", "1Ki"}};
  const Options on = resume_options(
      recorded, parse({"--resume=r.csv", "--budget=600", "--rounds=9", "--summary=full"}), kKnown);
  EXPECT_EQ(on.budget_s, 600);
  EXPECT_EQ(on.rounds, 9);
  EXPECT_EQ(on.summary, Summary::full);
  EXPECT_EQ(on.sizes, parse_sizes("1Ki"));
}

TEST(ResumeOptions, RefuseAnotherValue) {
  const nlohmann::ordered_json recorded{{"sizes", "1Ki"}};
  EXPECT_EQ(refusal_to_resume(recorded, {"--resume=r.csv", "--sizes=2Ki"}),
            "--sizes is '2Ki' here but '1Ki' in the run to be resumed; leave it out");
  EXPECT_EQ(refusal_to_resume(recorded, {"--resume=r.csv", "--min-time=2"}),
            "--min-time is '2' here but not given in the run to be resumed; leave it out");
  EXPECT_THAT(refusal_to_resume(recorded, {"--resume=r.csv", "--preset=quick"}),
              StartsWith("--preset is 'quick' here"));
}

TEST(ResumeOptions, RefuseADamagedRecord) {
  using Json = nlohmann::ordered_json;
  for (const Json& recorded :
       {Json(), Json::array({"sizes"}), Json{{"sizes", 5}}, Json{{"sizes", "x"}},
        Json{{"help", ""}}, Json{{"output", "a.csv"}}, Json{{"list", ""}}, Json{{"types", ""}},
        Json{{"bogus", "1"}}, Json{{"models", "none"}}}) {
    EXPECT_THAT(refusal_to_resume(recorded, {"--resume=r.csv"}), HasSubstr("the run's JSON"))
        << recorded;
  }
}

TEST(PrintableCommand, HoldsNoPath) {
  EXPECT_EQ(printable_command({}), "crossover");
  EXPECT_EQ(printable_command({"--output", "/home/me/run.csv", "--sizes", "1Ki,2Ki"}),
            "crossover --output run.csv --sizes 1Ki,2Ki");
  EXPECT_EQ(printable_command({"--output", "/home/me/"}), "crossover --output .");
  EXPECT_EQ(printable_command({"--output=/home/me", "--quiet"}), "crossover --output=. --quiet");
  EXPECT_EQ(printable_command({"--resume=/home/me/run.csv", "--benchmark_out=../x/b.json",
                               "--benchmark_context=home=/home/me"}),
            "crossover --resume=run.csv --benchmark_out=b.json --benchmark_context=me");
}

TEST(PrintableCommand, KeepsWhatIsNoPath) {
  EXPECT_EQ(printable_command({"--models", "openmp/static", "--filter", "reduce/f32/.*|x"}),
            "crossover --models openmp/static --filter 'reduce/f32/.*|x'");
  EXPECT_EQ(printable_command({"--benchmark_filter=reduce/f32", "--label", "it's", "--filter", ""}),
            "crossover --benchmark_filter=reduce/f32 --label 'it'\\''s' --filter ''");
}

}  // namespace
}  // namespace crossover
