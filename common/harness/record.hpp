#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "common/fingerprint.hpp"
#include "common/harness/options.hpp"
#include "common/topology.hpp"

/// The JSON beside a results file: how it was made, and on what.
namespace crossover {

/// results/x.csv -> results/x.json
std::filesystem::path record_path(const std::filesystem::path& csv);

/// A random (version 4) UUID.
std::string new_run_id();

/// The present time, RFC 3339, UTC, milliseconds: 2026-01-31T12:00:00.123Z
std::string utc_now();

/// A new run's record: schema, run, label, project (describe_build), command, started, ended
/// (null), status "running", options (Options::given, and the label however it came about: a
/// resumed run keeps it), seed, topology {pin, scaling, threads (the counts), sms, devices,
/// usable_threads, usable_cores, machine_threads, cpus [{cpu, core, numa_node, package,
/// smt_rank}]}, machine (describe_machine), models (each model's facts).
nlohmann::ordered_json new_record(const Options& options, const std::string& command,
                                  const Topology& topology,
                                  const nlohmann::ordered_json& model_facts, std::uint64_t seed);

/// An entry of a record's `states`: time, clock_ghz, hand_over_ns {cpu: ns}, memory {bytes,
/// read_gb_per_s, latency_ns} or null.
nlohmann::ordered_json describe_state(const Fingerprint& state);

/// Replaces the file in one step: a reader sees the old record or the new one, never a part.
/// Throws std::system_error.
void write_record(const std::filesystem::path& path, const nlohmann::ordered_json& record);

/// Throws std::runtime_error with one line for a file that is missing or no record; of a record,
/// schema, run, label, project, options and machine are there and of the right kind.
nlohmann::ordered_json read_record(const std::filesystem::path& path);
nlohmann::ordered_json parse_record(std::string_view text);

/// Why a run recorded so cannot be resumed by this program on this machine (another machine, schema
/// or build; already complete is no reason), or empty: one line with what differs and both values.
/// `current` is new_record() of the present. Any two JSON values may be given.
std::string refuse_resume(const nlohmann::ordered_json& recorded,
                          const nlohmann::ordered_json& current);

}  // namespace crossover
