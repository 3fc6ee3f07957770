#include "common/harness/node.hpp"

#include <exception>

#include "common/harness/exit_status.hpp"
#include "common/harness/fleet_messages.hpp"
#include "common/harness/plan.hpp"
#include "common/harness/run.hpp"
#include "common/harness/signals.hpp"
#include "common/harness/vocabulary.hpp"
#include "common/machine.hpp"

namespace crossover {

namespace {

void measure(const Models& models, Fleet& fleet, const MeasurePeak& measure_peak,
             StopSignals& signals) {
  const std::optional<FleetJson> asked = await_message(fleet, signals.requested());
  if (!asked) return;
  Options call;
  call.benchmark_flags = asked->at("benchmark_flags").get<std::vector<std::string>>();
  const Options options = resume_options(asked->at("options"), call, known_names(models));
  initialize_benchmark(options.benchmark_flags);
  const Topology topology = detect_topology();
  const std::vector<Planned> plan = make_plan(options, models, topology);
  const std::string& self = fleet.nodes()[fleet.self()];
  nlohmann::ordered_json machine = describe_machine(topology);
  machine.update(describe_hardware(models));
  add_measured_peak(machine, plan, topology, measure_peak);
  send_message(fleet, 0,
               {{"description", {{"node", self}, {"machine", FleetJson(machine)}}},
                {"columns", FleetJson(appended_columns(models))}});

  const std::optional<FleetJson> begin = await_message(fleet, signals.requested());
  if (!begin) return;
  const auto send_row = [&](const Row& row) {
    send_message(fleet, 0, {{"row", row}});
    if (fleet.stopped()) signals.request();
  };
  const auto send_end = [&](End end) {
    const bool interrupted = end == End::interrupted;
    send_message(fleet, 0, {{"status", interrupted ? kInterrupted : kDone}, {"text", name(end)}});
  };
  Sampler sampler(topology, options.min_time_s, {}, signals.requested());
  Progress silent(true);
  Run run({options, begin->at("run").get<std::string>(), self,
           begin->at("seed").get<std::uint64_t>(), signals.requested()},
          plan, begin->at("earlier").get<std::vector<Row>>(), sampler, send_row, silent);
  signals.when_overdue([&] {
    send_end(End::interrupted);
    return kInterrupted;
  });
  const End end = run.go();
  signals.ending();
  send_end(end);
}

}  // namespace

int run_node(const Models& models, Fleet& fleet, const MeasurePeak& measure_peak) {
  // Node 0 must hear that this one still lives before its own patience is at an end.
  StopSignals signals(StopSignals::kPatience / 2);
  const auto refuse = [&fleet](int status, const std::string& text) {
    send_message(fleet, 0, {{"status", status}, {"text", text}});
  };
  try {
    measure(models, fleet, measure_peak, signals);
  } catch (const EarlyExit& exit) {
    refuse(exit.status, exit.text);
  } catch (const PlanError& error) {
    refuse(kUsage, error.what());
  } catch (const std::exception& error) {
    refuse(kSystem, error.what());
  }
  return kDone;
}

}  // namespace crossover
