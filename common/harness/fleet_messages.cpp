#include "common/harness/fleet_messages.hpp"

#include <fmt/format.h>

#include <thread>

namespace crossover {

std::string bound_nodes(const FleetJson& record) {
  std::string bound;
  for (const FleetJson& node : record.value("nodes", FleetJson::array())) {
    const FleetJson machine = node.value("machine", record.at("machine"));
    const FleetJson& has = machine.at("cpu").at("threads");
    if (!has.is_number() || machine.at("affinity") >= has) continue;
    bound +=
        fmt::format("{}{} {} of {}", bound.empty() ? "" : ", ", node.at("node").get<std::string>(),
                    machine.at("affinity").dump(), has.dump());
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
