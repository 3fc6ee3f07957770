#include "common/harness/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <system_error>
#include <vector>

#include "common/harness/csv.hpp"
#include "common/harness/exit_status.hpp"
#include "common/harness/launcher.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/record.hpp"
#include "common/harness/run.hpp"
#include "common/harness/signals.hpp"
#include "common/harness/summary.hpp"
#include "common/harness/vocabulary.hpp"
#include "common/machine.hpp"
#include "common/plural.hpp"

namespace crossover {
namespace {

/// Tells the script that runs us where the results are.
void publish_path(const std::filesystem::path& csv) {
  const char* const file = std::getenv("CROSSOVER_PATHS_FILE");
  if (file != nullptr) std::ofstream(file) << csv.string() << '\n';
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

/// A file to write to and what is in it already.
struct Target {
  std::filesystem::path csv;
  std::vector<std::string> columns;
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
    target.columns = std::move(contents.columns);
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

int exit_status_of(const Results& results) {
  const bool wrong = std::any_of(results.begin(), results.end(),
                                 [](const Result& result) { return result.failed > 0; });
  return wrong ? kWrongResult : kDone;
}

int measure(Options options, const std::string& command, const KnownNames& known,
            const Models& models, const Topology& topology, const MeasurePeak& measure_peak,
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

  const std::uint64_t seed =
      resumed ? target.record.at("seed").get<std::uint64_t>() : std::random_device{}();
  nlohmann::ordered_json record =
      new_record(options, command, topology, describe_models(models), seed);
  record["machine"].update(describe_hardware(models));
  const nlohmann::ordered_json appended = appended_columns(models);
  const std::vector<std::string> columns = column_names(appended);
  record["vocabulary"] = describe_vocabulary(models, appended);
  if (resumed) {
    if (const std::string reason = refuse_resume(target.record, record); !reason.empty()) {
      throw EarlyExit{kUsage, fmt::format("--resume: {}", reason)};
    }
    const auto all = column_names(record["vocabulary"]["columns"]);
    if (!target.columns.empty() && target.columns != all) {
      throw EarlyExit{kUsage, fmt::format("--resume: {} has other columns than this run would "
                                          "write; start a new run",
                                          target.csv.string())};
    }
    target.record["resumed"].push_back({{"command", command}, {"started", record.at("started")}});
    record = target.record;
    record["status"] = "running";
    record["ended"] = nullptr;
  } else {
    target.csv = options.output.empty() ? default_output(options) : options.output;
    add_measured_peak(record["machine"], plan, topology, measure_peak);
  }

  Progress progress(quiet);
  CsvWriter writer = resumed ? CsvWriter::append_to(target.csv, target.valid_bytes, columns)
                             : CsvWriter::create(target.csv, columns);
  publish_path(target.csv);
  write_record(record_path(target.csv), record);
  const std::string machine = machine_line(record, topology);
  progress.say(machine);
  progress.say(fmt::format("{}, at most {} and {}; results in {}",
                           counted(plan.size(), "configuration"), counted(options.rounds, "round"),
                           format_duration(options.budget_s), target.csv.string()));

  Sampler sampler(topology, options.min_time_s, benchmark_out, signals.requested());
  Run run(
      {options, record.at("run").get<std::string>(), seed, signals.requested()}, plan,
      target.earlier, sampler, [&](const Row& row) { writer.append(row); }, progress);
  const auto conclude = [&](std::string_view status, std::string_view why) {
    const Results results = run.results();
    const SummaryOf summary_of{machine, record["machine"], plan,
                               results, run.schedule(),    target.csv.string()};
    record["status"] = status;
    record["ended"] = utc_now();
    record["end_reason"] = why;
    record["plan"] = describe_plan(summary_of);
    write_record(record_path(target.csv), record);
    if (quiet) return;
    fmt::print("{}ended: {}\nCSV   {}\nJSON  {}\n", summarise(summary_of, options.summary), why,
               target.csv.string(), record_path(target.csv).string());
    std::fflush(stdout);
  };
  const auto conclude_interrupted = [&]() -> int {
    const std::string lost = lost_process(models);
    print_past_launcher(signals.sender());
    conclude(lost.empty() ? "interrupted" : "failed",
             lost.empty() ? name(End::interrupted) : std::string_view(lost));
    if (lost.empty()) return kInterrupted;
    fmt::print(stderr, "crossover: {}\n", lost);
    return kSystem;
  };
  signals.when_overdue([&] {
    progress.clear();
    if (!signals.expired()) return conclude_interrupted();
    conclude("complete", name(End::budget));
    return exit_status_of(run.results());
  });
  // A sample that was thought to be shorter does not outlive the budget either.
  constexpr std::chrono::milliseconds kGrace{300};
  signals.end_at(std::chrono::steady_clock::now() + kGrace +
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::duration<double>(options.budget_s)));
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
  // Before the summary, not behind it: the mpirun of Open MPI 5 gives a line of which it has read
  // only the beginning to whichever of the two streams goes on first (openpmix issue 3858).
  progress.say(fmt::format("{} in {}, {:.0f} % of it inside samples",
                           counted(run.rounds(), "round"), format_duration(total_s),
                           100 * run.seconds_in_samples() / total_s));
  int status = kDone;
  if (end == End::interrupted) {
    status = conclude_interrupted();
  } else {
    conclude("complete", name(end));
  }
  return status != kDone ? status : exit_status_of(run.results());
}

}  // namespace

int run_program(const std::vector<std::string>& arguments, const Models& models,
                const MeasurePeak& measure_peak) {
  // A reader that goes away must not end a run, and a file at its size limit is an error to report.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  StopSignals signals(patience());
  const KnownNames known = known_names(models);
  try {
    if (std::string reason = refuse_names(workloads()); !reason.empty()) mistake(std::move(reason));
    Options options = parse_command_line(arguments, known);
    initialize_benchmark(options.benchmark_flags);
    const Topology topology = detect_topology();
    if (options.machine) {
      nlohmann::ordered_json machine = describe_machine(topology);
      machine.update(describe_hardware(models));
      fmt::print("{}\n", machine.dump(2));
      return kDone;
    }
    return measure(std::move(options), printable_command(arguments), known, models, topology,
                   measure_peak, signals);
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
