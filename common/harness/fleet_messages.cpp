#include "common/harness/fleet_messages.hpp"

#include <fmt/format.h>

#include <thread>

#include "common/machine.hpp"

namespace crossover {

FleetJson describe_node(const std::string& node, const Topology& topology, const Models& models) {
  FleetJson machine = describe_machine(topology);
  machine.update(FleetJson(describe_hardware(models)));
  FleetJson description{{"node", node}};
  for (const char* fact : {"model", "sockets", "cores", "threads"}) {
    description["cpu"][fact] = machine.at("cpu").at(fact);
  }
  for (const char* fact : {"memory_bytes", "affinity", "cpu_quota"}) {
    description[fact] = machine.at(fact);
  }
  if (machine.contains("gpus")) {
    for (const FleetJson& gpu : machine.at("gpus")) {
      description["gpus"].push_back({{"name", gpu.value("name", "")}});
    }
  }
  return description;
}

std::string bound_nodes(const FleetJson& descriptions) {
  std::string bound;
  for (const FleetJson& node : descriptions) {
    const FleetJson& has = node.at("cpu").at("threads");
    if (!has.is_number() || node.at("affinity") >= has) continue;
    bound +=
        fmt::format("{}{} {} of {}", bound.empty() ? "" : ", ", node.at("node").get<std::string>(),
                    node.at("affinity").dump(), has.dump());
  }
  return bound.empty() ? bound
                       : "CPUs that nodes may use: " + bound +
                             "; mpirun --bind-to none leaves a node all of its";
}

void wait_a_little() { std::this_thread::sleep_for(kALittle); }

std::optional<FleetJson> await_message(Fleet& fleet, const std::atomic<bool>& interrupted) {
  for (;; wait_a_little()) {
    if (const auto message = fleet.receive()) return FleetJson::from_cbor(message->bytes);
    if (interrupted || fleet.stopped()) return std::nullopt;
  }
}

void send_message(Fleet& fleet, std::size_t to, const FleetJson& message) {
  fleet.send(to, FleetJson::to_cbor(message));
}

}  // namespace crossover
