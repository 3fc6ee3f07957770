#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "common/harness/record.hpp"
#include "common/harness/text.hpp"

namespace crossover {
namespace {

using Json = nlohmann::ordered_json;

struct Fact {
  const char* pointer;  ///< RFC 6901
  const char* what;
};

constexpr std::array kBuild{
    Fact{"/project/version", "the program's version"},
    Fact{"/project/commit", "the program's commit"},
    Fact{"/project/compiler", "the compiler"},
    Fact{"/project/compiler_version", "the compiler's version"},
    Fact{"/project/flags", "the compiler's flags"},
    Fact{"/project/build_type", "the build type"},
};

constexpr std::array kMachine{
    Fact{"/machine/cpu/vendor", "the CPU's vendor"},
    Fact{"/machine/cpu/model", "the CPU's model"},
    Fact{"/machine/cpu/sockets", "the number of sockets"},
    Fact{"/machine/cpu/cores", "the number of cores"},
    Fact{"/machine/cpu/threads", "the number of hardware threads"},
    Fact{"/machine/cpu/caches", "the caches"},
    Fact{"/machine/affinity", "the CPUs that the process may use"},
    Fact{"/machine/cpu_quota", "the CPU quota"},
};

Json at(const Json& record, const char* pointer) {
  const Json::json_pointer place(pointer);
  return record.contains(place) ? record.at(place) : Json();
}

std::string shown(const Json& value) {
  if (value.is_null()) return "unknown";
  if (value.is_string()) return in_quotes(value.get_ref<const std::string&>(), 200);
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr std::size_t kMost = 200;
  return text.size() <= kMost ? text : text.substr(0, kMost - 3) + "...";
}

std::string changed(const char* what, const Json& before, const Json& now, const char* remedy) {
  return fmt::format("{} was {} when the run began and is {} now; {}", what, shown(before),
                     shown(now), remedy);
}

/// The names of the GPUs, in order.
Json gpu_names(const Json& record) {
  Json names = Json::array();
  const Json gpus = at(record, "/machine/gpus");
  if (!gpus.is_array()) return names;
  for (const Json& gpu : gpus) names.push_back(at(gpu, "/name"));
  return names;
}

/// Kernels reserve some of a machine's memory, each version a little differently.
bool same_memory(const Json& before, const Json& now) {
  if (!before.is_number() || !now.is_number()) return before == now;
  const auto a = before.get<double>();
  const auto b = now.get<double>();
  return std::abs(a - b) <= std::max(a, b) / 64;
}

}  // namespace

std::string refuse_resume(const Json& recorded, const Json& current) {
  constexpr const char* kRebuild = "go on with that build, or start a new run";
  constexpr const char* kReturn = "go on as before, or start a new run";
  const auto first_change = [](const auto& facts, const Json& was, const Json& is,
                               const char* remedy) -> std::string {
    for (const Fact& fact : facts) {
      const Json before = at(was, fact.pointer);
      const Json now = at(is, fact.pointer);
      if (before != now) return changed(fact.what, before, now, remedy);
    }
    return {};
  };
  const auto differ = [&](const char* what, const Json& before, const Json& now, bool same) {
    return same ? std::string() : changed(what, before, now, kReturn);
  };

  const Json schema = at(recorded, "/schema");
  if (schema != at(current, "/schema")) {
    return changed("the results' schema", schema, at(current, "/schema"), kRebuild);
  }
  std::string reason = first_change(kBuild, recorded, current, kRebuild);
  if (reason.empty()) reason = first_change(kMachine, recorded, current, kReturn);
  if (reason.empty()) {
    const Json before = at(recorded, "/machine/memory_bytes");
    const Json now = at(current, "/machine/memory_bytes");
    reason = differ("the memory in bytes", before, now, same_memory(before, now));
  }
  if (reason.empty()) {
    const Json before = gpu_names(recorded);
    const Json now = gpu_names(current);
    reason = differ("the list of GPUs", before, now, before == now);
  }
  if (reason.empty()) {
    const Json before = at(recorded, "/label");
    const Json now = at(current, "/label");
    reason = differ("the machine's label", before, now, before == now);
  }
  return reason;
}

}  // namespace crossover
