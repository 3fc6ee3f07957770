#include "common/harness/program.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
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
#include "common/harness/form_search.hpp"
#include "common/harness/launcher.hpp"
#include "common/harness/options.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/record.hpp"
#include "common/harness/run.hpp"
#include "common/harness/run_files.hpp"
#include "common/harness/signals.hpp"
#include "common/harness/summary.hpp"
#include "common/harness/unexpected_end.hpp"
#include "common/harness/vocabulary.hpp"
#include "common/machine.hpp"
#include "common/plural.hpp"
#include "common/streams.hpp"

namespace crossover {
namespace {

void complain(std::string_view line) { tell(fmt::format("crossover: {}\n", line)); }

void complain_of_a_library() {
  complain("a library ended the program, because the system refused it something");
}

/// Prints what the user has asked for. Returns the exit status.
int answer(std::string_view text) {
  const int error = print(text);
  if (error == 0) return kDone;
  // A reader that has seen enough needs no message.
  if (error != EPIPE) {
    complain(
        fmt::format("cannot write to standard output: {}", std::generic_category().message(error)));
  }
  return kSystem;
}

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
      "{}: {}, {}, {}", record.at("label").get<std::string>(), text(cpu.at("model"), "unknown CPU"),
      counted(topology.physical_cores, "core"), counted(topology.threads.size(), "thread"));
  if (machine.at("memory_bytes").is_number()) {
    line += fmt::format(", {:.1f} GiB", machine.at("memory_bytes").get<double>() / 0x1p30);
  }
  if (topology.cpu_quota)
    line += ", limited to " + counted(fmt::format("{}", *topology.cpu_quota), "CPU");
  if (const std::string kind = text(machine.at("virtualisation"), "none"); kind != "none") {
    line += ", " + kind;
  }
  return line;
}

/// Why a run could not go on, as its record has it: without names of files.
std::string_view why_failed(const std::exception& error) {
  if (dynamic_cast<const FileChanged*>(&error) != nullptr) {
    return "somebody else removed or changed the results file";
  }
  if (dynamic_cast<const BenchmarkJsonError*>(&error) != nullptr) {
    return "Google Benchmark's JSON could not be written";
  }
  if (dynamic_cast<const std::system_error*>(&error) != nullptr) {
    return "the results file could not be written";
  }
  return "the system had too little for it";
}

int exit_status_of(const Results& results) {
  const bool wrong = std::any_of(results.begin(), results.end(),
                                 [](const Result& result) { return result.failed > 0; });
  return wrong ? kWrongResult : kDone;
}

/// Those of a run that goes on, or new ones: by measuring, which is a part of the budget.
ChosenForms chosen_forms(Options& options, bool resumed, const std::vector<Planned>& plan,
                         const Models& models, const Topology& topology,
                         nlohmann::ordered_json& record, const StopSignals& signals) {
  if (resumed) return recorded_forms(record, models);
  constexpr double kShareOfBudget = 0.05;
  const auto start = std::chrono::steady_clock::now();
  FoundForms found = find_forms({.plan = plan,
                                 .models = models,
                                 .topology = topology,
                                 .pin = options.pin,
                                 .caches = core_caches(record["machine"]),
                                 .fixed = options.form,
                                 .seconds = kShareOfBudget * options.budget_s,
                                 .interrupted = signals.requested()});
  record["forms"] = std::move(found.description);
  options.budget_s -=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return std::move(found.forms);
}

int measure(Options options, const std::string& command, const KnownNames& known,
            const Models& models, const Topology& topology, const Probes& probes,
            StopSignals& signals) {
  Earlier earlier;
  const bool resumed = !options.resume.empty();
  const bool quiet = options.quiet;
  if (resumed) earlier = read_earlier(options, known);

  std::vector<Planned> plan = make_plan(options, models, topology);
  if (options.list) {
    std::string names;
    for (const Planned& planned : plan) {
      if (planned.model != nullptr) names += planned.configuration.name() + '\n';
    }
    return answer(names);
  }

  for (const Planned& planned : plan) {
    if (planned.model != nullptr) planned.model->open(planned.configuration.device);
  }
  const std::uint64_t seed = resumed ? earlier.seed : std::random_device{}();
  nlohmann::ordered_json record =
      new_record(options, command, topology, describe_models(models), seed);
  record["machine"].update(describe_hardware(models));
  const nlohmann::ordered_json appended = appended_columns(models);
  std::vector<const Workload*> named;
  for (const std::string& workload : options.workloads) named.push_back(find_workload(workload));
  record["vocabulary"] = describe_vocabulary(models, appended, named);
  if (resumed) {
    record = continued(earlier, record, options.resume);
  } else {
    add_measured_peak(record["machine"], plan, topology, probes.peak);
  }
  const double budget_s = options.budget_s;
  const ChosenForms forms = chosen_forms(options, resumed, plan, models, topology, record, signals);
  for (Planned& planned : plan) planned.placement.forms = &forms;
  // A few rounds, of which no interval comes, are a trial.
  const bool is_trial = options.rounds <= kFewestRounds;
  const auto look_at_state = [&] {
    if (is_trial || !probes.fingerprint) return;
    const Placement all = topology.place(topology.usable_cores(), Pin::cores);
    try {
      const nlohmann::ordered_json state = describe_state(probes.fingerprint(all.cpus));
      nlohmann::ordered_json& states = record["states"];
      if (!states.is_array()) states = nlohmann::ordered_json::array();
      states.push_back(state);
    } catch (const std::exception&) {
      // Where there is no thread or no memory to be had, the run goes on without.
    }
  };
  look_at_state();

  Progress progress(quiet);
  signals.writing_files();
  Output output = open_output(options, earlier, column_names(appended), record);
  const std::filesystem::path csv = output.csv.path();
  publish_path(csv);
  const std::string machine = machine_line(record, topology);
  progress.say(machine);
  progress.say(fmt::format("{}, at most {} and {}; results in {}",
                           counted(plan.size(), "configuration"), counted(options.rounds, "round"),
                           format_duration(budget_s), csv.string()));

  Sampler sampler(topology, options.min_time_s, signals.requested(), output.benchmark.get());
  Run run(
      {options, record.at("run").get<std::string>(), seed, signals.requested()}, plan, earlier.rows,
      sampler, [&](const Row& row) { output.csv.append(row); }, progress);
  const auto conclude = [&](std::string_view status, std::string_view why) {
    const Results results = run.results();
    const std::filesystem::path rows = output.csv.path();
    record["status"] = status;
    record["ended"] = utc_now();
    record["end_reason"] = why;
    // A new key may move the others, so it is there before one of them is referred to.
    nlohmann::ordered_json& described_plan = record["plan"];
    const SummaryOf summary_of{machine, record.at("machine"), plan,
                               results, run.schedule(),       rows.string()};
    described_plan = describe_plan(summary_of);
    output.room = Descriptor();
    std::exception_ptr refused;
    try {
      write_record(record_path(csv), record);
      if (rows != csv) write_record(record_path(rows), record);
    } catch (const std::system_error&) {
      refused = std::current_exception();
    }
    if (!quiet) {
      print(fmt::format("{}ended: {}\nCSV   {}\nJSON  {}\n", summarise(summary_of, options.summary),
                        why, rows.string(), record_path(rows).string()));
    }
    if (refused) std::rethrow_exception(refused);
  };
  const auto conclude_interrupted = [&]() -> int {
    const std::string lost = lost_process(models);
    print_past_launcher(signals.sender());
    conclude(lost.empty() ? "interrupted" : "failed",
             lost.empty() ? name(End::interrupted) : std::string_view(lost));
    if (lost.empty()) return kInterrupted;
    complain(lost);
    return kSystem;
  };
  signals.when_overdue([&]() -> int {
    progress.clear();
    try {
      if (!signals.expired()) return conclude_interrupted();
      conclude("complete", name(End::budget));
    } catch (const std::exception& error) {
      complain(error.what());
      return kSystem;
    }
    return exit_status_of(run.results());
  });
  const UnexpectedEnd unexpected([&] {
    progress.clear();
    complain_of_a_library();
    conclude("failed", "a library ended the program");
  });
  // A sample that was thought to be shorter does not outlive the budget either.
  constexpr std::chrono::milliseconds kGrace{300};
  signals.end_at(std::chrono::steady_clock::now() + kGrace +
                 std::chrono::duration_cast<std::chrono::milliseconds>(
                     std::chrono::duration<double>(options.budget_s)));
  End end;
  double total_s = 0;
  try {
    end = run.go();
    total_s = run.elapsed_s();
    signals.writing_files();
    if (end != End::interrupted) look_at_state();
    output.csv.check();
  } catch (const std::exception& error) {
    signals.writing_files();
    progress.clear();
    try {
      conclude("failed", why_failed(error));
    } catch (const std::system_error&) {
      // What came first says more.
    }
    throw;
  }
  progress.clear();
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
                const Probes& probes) {
  // A reader that goes away must not end a run, and a file at its size limit is an error to report.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  const UnexpectedEnd unexpected(complain_of_a_library);
  try {
    StopSignals signals(patience());
    const KnownNames known = known_names(models);
    if (std::string reason = refuse_names(workloads()); !reason.empty()) mistake(std::move(reason));
    Options options = parse_command_line(arguments, known);
    initialize_benchmark(options.benchmark_flags);
    const Topology topology = detect_topology();
    if (options.machine) {
      nlohmann::ordered_json machine = describe_machine(topology);
      machine.update(describe_hardware(models));
      return answer(machine.dump(2) + '\n');
    }
    return measure(std::move(options), printable_command(arguments), known, models, topology,
                   probes, signals);
  } catch (const EarlyExit& exit) {
    if (exit.status == kDone) return answer(exit.text);
    complain(exit.text);
    return exit.status;
  } catch (const PlanError& error) {
    complain(error.what());
    return kUsage;
  } catch (const std::bad_alloc&) {
    complain("the system has too little memory for this run");
    return kSystem;
  } catch (const std::exception& error) {
    complain(error.what());
    return kSystem;
  }
}

}  // namespace crossover
