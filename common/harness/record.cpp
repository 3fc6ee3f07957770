#include "common/harness/record.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <random>
#include <stdexcept>

#include "common/harness/build.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/file.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

using Json = nlohmann::ordered_json;

Json describe_topology(const Options& options, const Topology& topology) {
  Json cpus = Json::array();
  for (const HardwareThread& thread : topology.threads) {
    cpus.push_back({{"cpu", thread.cpu},
                    {"core", thread.core},
                    {"numa_node", thread.numa_node},
                    {"package", thread.package},
                    {"smt_rank", thread.smt_rank}});
  }
  Json sms = options.sms ? "auto" : "all";
  if (options.sms && !options.sms->empty()) sms = *options.sms;
  Json devices = "all";
  if (!options.devices.empty()) devices = options.devices;
  return {{"pin", name(options.pin)},
          {"scaling", name(options.scaling)},
          {"threads", options.threads.value_or(topology.automatic_thread_counts())},
          {"sms", sms},
          {"devices", devices},
          {"usable_threads", topology.usable_threads()},
          {"usable_cores", topology.usable_cores()},
          {"machine_threads", topology.machine_threads},
          {"cpus", cpus}};
}

}  // namespace

std::filesystem::path record_path(const std::filesystem::path& csv) {
  return std::filesystem::path(csv).replace_extension(".json");
}

std::string new_run_id() {
  std::random_device random;
  std::array<std::uint32_t, 4> words{};
  for (std::uint32_t& word : words) word = random();
  words[1] = (words[1] & 0xFFFF0FFFU) | 0x00004000U;  // version 4: random
  words[2] = (words[2] & 0x3FFFFFFFU) | 0x80000000U;  // variant 1: RFC 4122
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:04x}{:08x}", words[0], words[1] >> 16,
                     words[1] & 0xFFFFU, words[2] >> 16, words[2] & 0xFFFFU, words[3]);
}

std::string utc_now() {
  using namespace std::chrono;
  const auto now = floor<milliseconds>(system_clock::now());
  const auto second = floor<seconds>(now);
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", second, (now - second).count());
}

Json new_record(const Options& options, const std::string& command, const Topology& topology,
                const Json& model_facts, std::uint64_t seed) {
  Json given = options.given;
  given["label"] = options.label;
  return {{"schema", kSchema},
          {"run", new_run_id()},
          {"label", options.label},
          {"project", describe_build()},
          {"command", command},
          {"started", utc_now()},
          {"ended", nullptr},
          {"status", "running"},
          {"options", given},
          {"seed", seed},
          {"topology", describe_topology(options, topology)},
          {"machine", describe_machine(topology)},
          {"models", model_facts}};
}

nlohmann::ordered_json describe_state(const Fingerprint& state) {
  nlohmann::ordered_json hand_overs = nlohmann::ordered_json::object();
  for (const auto& [cpu, ns] : state.hand_overs) hand_overs[std::to_string(cpu)] = ns;
  nlohmann::ordered_json memory;
  if (state.memory) {
    memory = {{"bytes", state.memory->bytes},
              {"read_gb_per_s", state.memory->read_gb_per_s},
              {"latency_ns", state.memory->latency_ns}};
  }
  return {{"time", utc_now()},
          {"clock_ghz", state.clock_ghz},
          {"hand_over_ns", hand_overs},
          {"memory", memory}};
}

void write_record(const std::filesystem::path& path, const Json& record) {
  // A path or a name need not be UTF-8, but the file must be.
  replace_file(path, record.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Json read_record(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  try {
    return parse_record(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(fmt::format("{}: {}", path.string(), error.what()));
  }
}

Json parse_record(std::string_view text) {
  // Far deeper than any record; what recurses over a value later must not run out of stack.
  constexpr int kDeepest = 100;
  const auto limit_depth = [](int depth, Json::parse_event_t, const Json&) {
    if (depth > kDeepest) throw std::runtime_error("nested too deeply for a run's description");
    return true;
  };
  Json record;
  try {
    record = Json::parse(text.begin(), text.end(), limit_depth);
  } catch (const Json::parse_error& error) {
    throw std::runtime_error(
        fmt::format("not JSON (near byte {}); a run's description is", error.byte));
  } catch (const Json::exception&) {
    throw std::runtime_error("JSON with a number that is out of range");
  }
  const auto has = [&record](const char* key, Json::value_t type) {
    const auto found = record.find(key);
    return found != record.end() && found->type() == type;
  };
  const auto require = [](bool right, const char* what) {
    if (!right) throw std::runtime_error(fmt::format("no run's description: {}", what));
  };
  require(record.is_object(), "it is no JSON object");
  require(has("schema", Json::value_t::number_unsigned), "it has no number \"schema\"");
  for (const char* key : {"run", "label"}) {
    require(has(key, Json::value_t::string), fmt::format("it has no text \"{}\"", key).c_str());
  }
  for (const char* key : {"project", "options", "machine"}) {
    require(has(key, Json::value_t::object), fmt::format("it has no object \"{}\"", key).c_str());
  }
  return record;
}

}  // namespace crossover
