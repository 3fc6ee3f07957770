#include "common/harness/program.hpp"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "common/harness/csv.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/record.hpp"
#include "common/harness/run.hpp"
#include "common/harness/signals.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

enum ExitStatus { kDone = 0, kWrongResult = 1, kUsage = 2, kSystem = 3, kInterrupted = 130 };

KnownNames known_names(const std::vector<std::unique_ptr<Model>>& models) {
  KnownNames known;
  for (const Workload& workload : workloads()) known.workloads.emplace_back(workload.name);
  for (const auto& model : models) known.models.emplace_back(model->name());
  return known;
}

/// Hands Google Benchmark what is left of its flags; it reports those it does not know.
void initialize_benchmark(const Options& options) {
  static char program[] = "crossover";  // the library keeps this pointer
  std::vector<std::string> flags;
  flags.insert(flags.end(), options.benchmark_flags.begin(), options.benchmark_flags.end());
  std::vector<char*> arguments{program};
  for (std::string& flag : flags) arguments.push_back(flag.data());
  arguments.push_back(nullptr);
  int count = static_cast<int>(flags.size()) + 1;
  benchmark::Initialize(&count, arguments.data());
  if (count > 1) {
    throw EarlyExit{kUsage, fmt::format("{}: Google Benchmark has no such flag; --benchmark_help "
                                        "lists them",
                                        arguments[1])};
  }
}

/// Tells the script that runs us where the results are.
void publish_path(const std::filesystem::path& csv) {
  const char* const file = std::getenv("CROSSOVER_PATHS_FILE");
  if (file != nullptr) std::ofstream(file) << csv.string() << '\n';
}

/// The columns that the models which can run here append to the CSV, each once.
std::vector<std::string> appended_columns(const std::vector<std::unique_ptr<Model>>& models) {
  std::vector<std::string> columns;
  for (const auto& model : models) {
    if (!model->unavailable().empty()) continue;
    for (const std::string_view column : model->columns()) {
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
        columns.emplace_back(column);
      }
    }
  }
  return columns;
}

std::string machine_line(const nlohmann::ordered_json& record, const Topology& topology) {
  const auto& machine = record.at("machine");
  const auto text = [](const nlohmann::ordered_json& value, const char* otherwise) {
    return value.is_string() ? value.get<std::string>() : std::string(otherwise);
  };
  const auto& cpu = machine.at("cpu");
  std::string line = fmt::format(
      "{}: {}, {} cores, {} threads", record.at("label").get<std::string>(),
      text(cpu.at("model"), "unknown CPU"), topology.physical_cores, topology.threads.size());
  if (machine.at("memory_bytes").is_number()) {
    line += fmt::format(", {:.1f} GiB", machine.at("memory_bytes").get<double>() / 0x1p30);
  }
  if (topology.cpu_quota) line += fmt::format(", limited to {} CPUs", *topology.cpu_quota);
  if (const std::string kind = text(machine.at("virtualisation"), "none"); kind != "none") {
    line += ", " + kind;
  }
  return line;
}

/// What the models run on besides the CPUs, in the machine's description.
nlohmann::ordered_json describe_hardware(const std::vector<std::unique_ptr<Model>>& models) {
  auto all = nlohmann::ordered_json::object();
  for (const auto& model : models) all.update(nlohmann::ordered_json(model->hardware()));
  return all;
}

/// Which process the run cannot go on without has ended, or empty.
std::string lost_process(const std::vector<std::unique_ptr<Model>>& models) {
  for (const auto& model : models) {
    if (const std::string lost = model->lost(); !lost.empty()) {
      return fmt::format("{}: {}", model->name(), lost);
    }
  }
  return {};
}

/// A file to write to and what is in it already.
struct Target {
  std::filesystem::path csv;
  std::vector<Row> earlier;
  std::uint64_t valid_bytes = 0;
  nlohmann::ordered_json record;
};

/// The options of a run that goes on; reads its files.
Target open_interrupted(Options& options, const KnownNames& known) {
  Target target;
  target.csv = options.resume;
  try {
    target.record = read_record(record_path(target.csv));
    options = resume_options(target.record.at("options"), options, known);
    options.label = target.record.at("label").get<std::string>();
    CsvContents contents = read_csv(target.csv);
    target.earlier = std::move(contents.rows);
    target.valid_bytes = contents.valid_bytes;
  } catch (const std::runtime_error& error) {
    throw EarlyExit{kUsage, fmt::format("--resume: {}", error.what())};
  } catch (const nlohmann::json::exception&) {
    throw EarlyExit{kUsage, fmt::format("--resume: {} is not the record of a run",
                                        record_path(target.csv).string())};
  }
  return target;
}

std::filesystem::path default_output(const Options& options) {
  std::string time = utc_now().substr(0, 19);
  std::erase(time, ':');
  return std::filesystem::path("results") / fmt::format("{}-{}Z.csv", options.label, time);
}

int measure(Options options, const std::string& command, const KnownNames& known,
            const std::vector<std::unique_ptr<Model>>& models, const Topology& topology,
            StopSignals& signals) {
  Target target;
  const bool resumed = !options.resume.empty();
  const bool quiet = options.quiet;
  const std::filesystem::path benchmark_out = options.benchmark_out;
  if (resumed) target = open_interrupted(options, known);

  const std::vector<Planned> plan = make_plan(options, models, topology);
  if (options.list) {
    for (const Planned& planned : plan) {
      if (planned.model != nullptr) fmt::print("{}\n", planned.configuration.name());
    }
    return kDone;
  }

  auto facts = nlohmann::ordered_json::object();
  for (const auto& model : models) {
    for (const auto& [fact, value] : model->facts())
      facts[std::string(model->name())][fact] = value;
  }
  const std::uint64_t seed =
      resumed ? target.record.at("seed").get<std::uint64_t>() : std::random_device{}();
  nlohmann::ordered_json record = new_record(options, command, topology, facts, seed);
  record["machine"].update(describe_hardware(models));
  if (resumed) {
    if (const std::string reason = refuse_resume(target.record, record); !reason.empty()) {
      throw EarlyExit{kUsage, fmt::format("--resume: {}", reason)};
    }
    target.record["resumed"].push_back({{"command", command}, {"started", record.at("started")}});
    record = target.record;
    record["status"] = "running";
    record["ended"] = nullptr;
  } else {
    target.csv = options.output.empty() ? default_output(options) : options.output;
  }

  Progress progress(quiet);
  const std::vector<std::string> columns = appended_columns(models);
  CsvWriter writer = resumed ? CsvWriter::append_to(target.csv, target.valid_bytes, columns)
                             : CsvWriter::create(target.csv, columns);
  publish_path(target.csv);
  write_record(record_path(target.csv), record);
  const std::string machine = machine_line(record, topology);
  progress.say(machine);
  progress.say(fmt::format("{} configurations, at most {} rounds and {}; results in {}",
                           plan.size(), options.rounds, format_duration(options.budget_s),
                           target.csv.string()));

  Sampler sampler(topology, options.min_time_s, benchmark_out, signals.requested());
  Run run({options, record.at("run").get<std::string>(), seed, signals.requested()}, plan,
          target.earlier, sampler, writer, progress);
  const auto conclude = [&](std::string_view status, std::string_view why) {
    record["status"] = status;
    record["ended"] = utc_now();
    record["end_reason"] = why;
    write_record(record_path(target.csv), record);
    if (quiet) return;
    fmt::print("{}ended: {}\nCSV   {}\nJSON  {}\n", summarise(machine, plan, run.results()), why,
               target.csv.string(), record_path(target.csv).string());
    std::fflush(stdout);
  };
  const auto conclude_interrupted = [&]() -> int {
    const std::string lost = lost_process(models);
    conclude(lost.empty() ? "interrupted" : "failed",
             lost.empty() ? name(End::interrupted) : std::string_view(lost));
    if (lost.empty()) return kInterrupted;
    fmt::print(stderr, "crossover: {}\n", lost);
    return kSystem;
  };
  signals.when_overdue([&] {
    progress.clear();
    return conclude_interrupted();
  });
  End end;
  try {
    end = run.go();
  } catch (const std::system_error&) {
    signals.ending();
    progress.clear();
    conclude("failed", "the results file could not be written");
    throw;
  }
  signals.ending();
  progress.clear();
  const double total_s = run.elapsed_s();
  int status = kDone;
  if (end == End::interrupted) {
    status = conclude_interrupted();
  } else {
    conclude("complete", name(end));
  }
  progress.say(fmt::format("{} rounds in {}, {:.0f} % of it inside samples", run.rounds(),
                           format_duration(total_s), 100 * run.seconds_in_samples() / total_s));
  if (status != kDone) return status;
  for (const Result& result : run.results()) {
    if (result.failed > 0) return kWrongResult;
  }
  return kDone;
}

}  // namespace

int run_program(const std::vector<std::string>& arguments,
                const std::vector<std::unique_ptr<Model>>& models) {
  // A reader that goes away must not end a run, and a file at its size limit is an error to report.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  StopSignals signals;
  const KnownNames known = known_names(models);
  try {
    Options options = parse_command_line(arguments, known);
    initialize_benchmark(options);
    const Topology topology = detect_topology();
    if (options.machine) {
      nlohmann::ordered_json machine = describe_machine(topology);
      machine.update(describe_hardware(models));
      fmt::print("{}\n", machine.dump(2));
      return kDone;
    }
    return measure(std::move(options), printable_command(arguments), known, models, topology,
                   signals);
  } catch (const EarlyExit& exit) {
    if (exit.status == kDone) {
      fmt::print("{}", exit.text);
    } else {
      fmt::print(stderr, "crossover: {}\n", exit.text);
    }
    return exit.status;
  } catch (const PlanError& error) {
    fmt::print(stderr, "crossover: {}\n", error.what());
    return kUsage;
  } catch (const std::exception& error) {
    fmt::print(stderr, "crossover: {}\n", error.what());
    return kSystem;
  }
}

}  // namespace crossover
