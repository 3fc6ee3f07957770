#include "common/machine.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "common/hwloc_topology.hpp"
#include "common/kernel_settings.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

using nlohmann::json;

template <class T>
json or_null(const std::optional<T>& value) {
  return value ? json(*value) : json(nullptr);
}

/// ARM's cores name themselves by numbers: the main identification register's fields, as
/// /proc/cpuinfo writes them. The names are those of lscpu; the parts are the ones that servers and
/// workstations use.
std::optional<std::string> arm_vendor(const std::string& implementer) {
  static const std::vector<std::pair<std::string_view, std::string_view>> kVendors{
      {"0x41", "ARM"},       {"0x43", "Cavium"}, {"0x46", "Fujitsu"},  {"0x48", "HiSilicon"},
      {"0x4e", "NVIDIA"},    {"0x50", "APM"},    {"0x51", "Qualcomm"}, {"0x61", "Apple"},
      {"0x6d", "Microsoft"}, {"0xc0", "Ampere"},
  };
  for (const auto& [number, vendor] : kVendors) {
    if (number == implementer) return std::string(vendor);
  }
  return std::nullopt;
}

std::string arm_model(const std::string& implementer, const std::string& part) {
  static const std::vector<std::tuple<std::string_view, std::string_view, std::string_view>> kParts{
      {"0x41", "0xd08", "Cortex-A72"},       {"0x41", "0xd0b", "Cortex-A76"},
      {"0x41", "0xd0c", "Neoverse-N1"},      {"0x41", "0xd40", "Neoverse-V1"},
      {"0x41", "0xd41", "Cortex-A78"},       {"0x41", "0xd49", "Neoverse-N2"},
      {"0x41", "0xd4f", "Neoverse-V2"},      {"0x41", "0xd83", "Neoverse-V3"},
      {"0x41", "0xd84", "Neoverse-V3"},      {"0x41", "0xd8e", "Neoverse-N3"},
      {"0x43", "0x0af", "ThunderX2"},        {"0x46", "0x001", "A64FX"},
      {"0x48", "0xd01", "Kunpeng-920"},      {"0x4e", "0x004", "Carmel"},
      {"0x6d", "0xd49", "Azure Cobalt 100"}, {"0xc0", "0xac3", "Ampere-1"},
      {"0xc0", "0xac4", "Ampere-1a"},
  };
  for (const auto& [of, number, model] : kParts) {
    if (of == implementer && number == part) return std::string(model);
  }
  return "implementer " + implementer + ", part " + part;
}

/// hwloc's attribute of the first package, or of the machine.
std::optional<std::string> hwloc_info(hwloc_topology_t hwloc, const char* key) {
  if (hwloc == nullptr) return std::nullopt;
  for (auto* object :
       {hwloc_get_obj_by_type(hwloc, HWLOC_OBJ_PACKAGE, 0), hwloc_get_root_obj(hwloc)}) {
    const char* value = object == nullptr ? nullptr : hwloc_obj_get_info_by_name(object, key);
    if (value != nullptr && !trimmed(value).empty()) return std::string(trimmed(value));
  }
  return std::nullopt;
}

struct Processor {
  std::optional<std::string> model;
  std::optional<std::string> vendor;
};

Processor processor(const SystemRoot& root, hwloc_topology_t hwloc) {
  const auto cpuinfo = read_text(root.path / "proc/cpuinfo").value_or("");
  const auto filled = [&cpuinfo](const char* key) {
    auto value = value_of(cpuinfo, key);
    return value && !value->empty() ? value : std::nullopt;
  };
  Processor found{filled("model name"), filled("vendor_id")};
  if (!found.model) found.model = filled("cpu");  // POWER: "POWER9, altivec supported"
  const auto implementer = filled("CPU implementer");
  if (!found.vendor && implementer) found.vendor = arm_vendor(*implementer);
  if (!found.model && implementer) {
    const auto part = filled("CPU part");
    if (part) found.model = arm_model(*implementer, *part);
  }
  if (!found.model) found.model = hwloc_info(hwloc, "CPUModel");
  if (!found.vendor) found.vendor = hwloc_info(hwloc, "CPUVendor");
  if (!found.model) found.model = read_word(root.path / "proc/device-tree/model");
  return found;
}

/// Every sort of cache in the machine once, the smallest level first.
json caches(hwloc_topology_t hwloc) {
  // Ordered by level; a processor with two kinds of cores has several of a level.
  std::set<std::tuple<unsigned, int, std::uint64_t, int>> sorts;
  const int depth = hwloc_topology_get_depth(hwloc);
  for (int i = 0; i < depth; ++i) {
    for (auto* object = hwloc_get_obj_by_depth(hwloc, i, 0); object != nullptr;
         object = object->next_cousin) {
      if (hwloc_obj_type_is_cache(object->type) == 0) continue;
      const auto& cache = object->attr->cache;
      sorts.emplace(cache.depth, static_cast<int>(cache.type), cache.size,
                    hwloc_bitmap_weight(object->cpuset));
    }
  }
  auto list = json::array();
  for (const auto& [level, type, bytes, shared_by] : sorts) {
    list.push_back({{"level", level},
                    {"type", type == HWLOC_OBJ_CACHE_DATA          ? "data"
                             : type == HWLOC_OBJ_CACHE_INSTRUCTION ? "instruction"
                                                                   : "unified"},
                    {"bytes", bytes == 0 ? json(nullptr) : json(bytes)},
                    {"shared_by", shared_by}});
  }
  return list;
}

int most_threads_of_a_core(hwloc_topology_t hwloc) {
  int most = 1;
  for (hwloc_obj_t core = nullptr;
       (core = hwloc_get_next_obj_by_type(hwloc, HWLOC_OBJ_CORE, core)) != nullptr;) {
    most = std::max(most, hwloc_bitmap_weight(core->cpuset));
  }
  return most;
}

json count_or_null(hwloc_topology_t hwloc, hwloc_obj_type_t type) {
  const int count = hwloc == nullptr ? 0 : hwloc_get_nbobjs_by_type(hwloc, type);
  return count > 0 ? json(count) : json(nullptr);
}

/// The nominal frequency: Intel's driver tells it, else firmware (CPPC), else the marketing name
/// ("... @ 2.60GHz").
std::optional<double> base_megahertz(const std::filesystem::path& cpu,
                                     const std::optional<std::string>& model) {
  if (const auto base = read_megahertz(cpu / "cpufreq/base_frequency")) return base;
  const auto nominal = read_number<double>(cpu / "acpi_cppc/nominal_freq");
  if (nominal && *nominal > 0) return nominal;
  const auto at = model ? model->find("@ ") : std::string::npos;
  if (at == std::string::npos) return std::nullopt;
  double gigahertz = 0;
  const auto* end = model->data() + model->size();
  const auto parsed = std::from_chars(model->data() + at + 2, end, gigahertz);
  if (parsed.ec != std::errc{} || !std::string_view(parsed.ptr, end).starts_with("GHz")) {
    return std::nullopt;
  }
  return std::round(gigahertz * 1000);
}

/// One word, or the different ones of the allowed CPUs: "performance, powersave".
std::optional<std::string> governor(const SystemRoot& root, const Topology& topology) {
  std::set<std::string> governors;
  for (const auto& thread : topology.threads) {
    const auto word = read_word(cpu_folder(root.path, thread.cpu) / "cpufreq/scaling_governor");
    if (word) governors.insert(*word);
  }
  std::string list;
  for (const auto& word : governors) list += (list.empty() ? "" : ", ") + word;
  return list.empty() ? std::nullopt : std::optional(list);
}

/// The word in brackets: "always [madvise] never".
std::optional<std::string> huge_pages(const SystemRoot& root) {
  const auto text = read_word(root.path / "sys/kernel/mm/transparent_hugepage/enabled");
  if (!text) return std::nullopt;
  const auto open = text->find('[');
  const auto close = text->find(']', open);
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  return text->substr(open + 1, close - open - 1);
}

std::optional<std::string> operating_system(const SystemRoot& root) {
  for (const auto* file : {"etc/os-release", "usr/lib/os-release"}) {
    const auto text = read_text(root.path / file).value_or("");
    for (const auto line : split(text, '\n')) {
      constexpr std::string_view kKey = "PRETTY_NAME=";
      if (!line.starts_with(kKey)) continue;
      auto value = trimmed(line.substr(kKey.size()));
      if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
        value = value.substr(1, value.size() - 2);
      }
      if (!value.empty()) return std::string(value);
    }
  }
  return std::nullopt;
}

}  // namespace

std::string host_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) return {};
  const std::string name = host.data();
  return name.substr(0, name.find('.'));
}

nlohmann::json describe_machine(const Topology& topology, const SystemRoot& root) {
  const auto hwloc = load_hwloc();
  const auto [model, vendor] = processor(root, hwloc.get());
  const auto cpu = cpu_folder(root.path, topology.place(1, Pin::cores).cpus.front());
  const auto kernel = read_word(root.path / "proc/sys/kernel/osrelease");
  const auto meminfo = read_text(root.path / "proc/meminfo").value_or("");
  const auto cpuinfo = read_text(root.path / "proc/cpuinfo").value_or("");
  return {
      {"cpu",
       {
           {"model", or_null(model)},
           {"vendor", or_null(vendor)},
           {"sockets", count_or_null(hwloc.get(), HWLOC_OBJ_PACKAGE)},
           {"cores", count_or_null(hwloc.get(), HWLOC_OBJ_CORE)},
           {"threads", topology.machine_threads},
           {"smt", hwloc ? json(most_threads_of_a_core(hwloc.get())) : json(nullptr)},
           {"base_mhz", or_null(base_megahertz(cpu, model))},
           {"max_mhz", or_null(read_megahertz(cpu / "cpufreq/cpuinfo_max_freq"))},
           {"microcode", or_null(value_of(cpuinfo, "microcode"))},
           {"caches", hwloc ? caches(hwloc.get()) : json::array()},
       }},
      {"numa_nodes", count_or_null(hwloc.get(), HWLOC_OBJ_NUMANODE)},
      {"memory_bytes", or_null(kilobytes(meminfo, "MemTotal"))},
      {"memory_limit_bytes", or_null(memory_limit(root))},
      {"page_size", sysconf(_SC_PAGESIZE)},
      {"huge_pages", or_null(huge_pages(root))},
      {"governor", or_null(governor(root, topology))},
      {"turbo", or_null(turbo(root))},
      {"mitigations", or_null(mitigations(root))},
      {"kernel_options", or_null(kernel_options(root))},
      {"virtualisation", or_null(virtualisation(root))},
      {"kernel", or_null(kernel)},
      {"os", or_null(operating_system(root))},
      {"cpu_quota", or_null(topology.cpu_quota)},
      {"affinity", topology.threads.size()},
  };
}

}  // namespace crossover
