#pragma once

#include <atomic>
#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "common/fleet.hpp"
#include "common/harness/csv.hpp"

/// What the nodes of a fleet run tell one another:
///
///     node 0      {options, benchmark_flags}        plan this
///     each other  {description, columns: as in the vocabulary} or {status, text}: why it cannot
///     node 0      {run, seed, earlier}              go on behind these rows of yours
///     each other  {row}, {row}, ...                 each the moment that it is measured
///     each other  {status, text}                    it has ended: exit status, and why unless it
///     is 0
///
/// Binary, because JSON has no NaN, and a text need not be UTF-8.
namespace crossover {

using FleetJson = nlohmann::json;

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Row, run, label, time, workload, type, elements, bytes, model,
                                   variant, scope, workers, device, round, iterations, time_ns,
                                   error, status, note, cache, flops, node, extra)

/// Which of the nodes in a run's record may not use all of their CPUs, in a line for the user;
/// empty: they all may.
std::string bound_nodes(const FleetJson& record);

/// How long to wait between two looks for a message.
inline constexpr std::chrono::milliseconds kALittle{10};
void wait_a_little();

/// The next message to this node, or nothing when it is to end instead.
std::optional<FleetJson> await_message(Fleet& fleet, const std::atomic<bool>& interrupted);

void send_message(Fleet& fleet, std::size_t to, const FleetJson& message);

}  // namespace crossover
