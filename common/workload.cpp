#include "common/workload.hpp"

#include <algorithm>
#include <stdexcept>

#include "common/workloads/list.hpp"

namespace crossover {

namespace {

/// `counts`, or, when nobody asked for them, with `more` behind them; ascending, each once.
std::vector<int> with_more(std::vector<int> counts, bool automatic, std::vector<int> more) {
  if (automatic) counts.insert(counts.end(), more.begin(), more.end());
  std::sort(counts.begin(), counts.end());
  counts.erase(std::unique(counts.begin(), counts.end()), counts.end());
  return counts;
}

// Far beyond the CPUs: what the thousandth worker costs is part of the question. (Four thousand
// programs take three seconds to start: ask for them with --threads.)
std::vector<int> creating(const std::vector<int>& counts, bool automatic, int) {
  return with_more(counts, automatic, {64, 1024});
}

std::vector<int> at_two_ends(const std::vector<int>&, bool, int) { return {2}; }

// Workers that block share a core without disturbing one another.
std::vector<int> waiting(const std::vector<int>& counts, bool automatic, int cores) {
  if (!automatic) return counts;
  return with_more({1, cores}, true, {8 * cores, 64 * cores});
}

template <class... Ts>
std::vector<ElementType> types_in(TypeList<Ts...>) {
  return {type_of<Ts>()...};
}

template <class Work>
Workload describe(const Work& work) {
  static_assert(check_workload<Work>());
  Workload is;
  is.name = name_of(work);
  is.summary = Work::kSummary;
  is.types = types_in(typename Work::Types{});
  is.passes = Work::kPasses;
  is.flops = work.flops();
  is.pattern = name(Work::kPattern);
  is.family = Work::kFamily;
  if constexpr (requires { work.parameter; }) is.parameter = work.parameter;
  is.arrays = Work::kArrays;
  is.first_read = Work::kPattern == Pattern::map_into ? 1 : 0;
  is.is_sum = Work::kPattern == Pattern::sum;
  is.in_presets = Work::kInPresets;
  return is;
}

std::vector<Workload> all_workloads() {
  std::vector<Workload> all;
  each_array_workload([&](const auto& work) {
    all.push_back(describe(work));
    all.back().array_index = static_cast<int>(all.size()) - 1;
  });
  all.push_back({.name = "count",
                 .summary = "the workers together add 1 to a counter",
                 .types = {ElementType::i64},
                 .unit = "increment",
                 .guess_s = 1e-7,
                 .sizes = {std::uint64_t{1} << 16}});
  all.push_back({.name = "create",
                 .summary = "make workers that do nothing and wait for their end",
                 .types = {ElementType::none},
                 .unit = "worker",
                 .guess_s = 5e-4,
                 .sizes = {1},
                 .per_worker = true,
                 .oversubscribes = true,
                 .workers = creating});
  all.push_back({.name = "switch",
                 .summary = "hand a token to another worker and get it back",
                 .types = {ElementType::none},
                 .unit = "round trip",
                 .guess_s = 5e-5,
                 .sizes = {1},
                 .workers = at_two_ends});
  all.push_back({.name = "wait",
                 .summary = "tasks of 1 ms that block or compute",
                 .types = {ElementType::none},
                 .unit = "task",
                 .guess_s = 1e-3,
                 .sizes = {1},
                 .per_worker = true,
                 .oversubscribes = true,
                 .workers = waiting});
  // From 4 KiB to 1 GiB.
  std::vector<std::uint64_t> places;
  for (std::uint64_t n = 32; n <= std::uint64_t{8} << 20; n *= 2) places.push_back(n);
  all.push_back({.name = "chase",
                 .summary = "loads that each wait for the one before, at random",
                 .types = {ElementType::none},
                 .in_presets = false,
                 .unit = "load",
                 .unit_bytes = 128,
                 .guess_s = 2e-8,  // of those that a sample takes, at most 256 Ki of a ring
                 .sizes = places});
  all.push_back({.name = "core-to-core",
                 .summary = "a cache line handed to another core and back",
                 .types = {ElementType::none},
                 .in_presets = false,
                 .unit = "round trip",
                 .guess_s = 1e-6,
                 .sizes = {1},
                 .workers = at_two_ends});
  // From 4 bytes to 1 GiB.
  std::vector<std::uint64_t> bytes;
  for (std::uint64_t n = 4; n <= std::uint64_t{1} << 30; n *= 4) bytes.push_back(n);
  all.push_back({.name = "link",
                 .summary = "bytes handed from one memory to another",
                 .types = {ElementType::none},
                 .in_presets = false,
                 .unit = "byte",
                 .unit_bytes = 1,
                 .guess_s = 2e-10,
                 .sizes = bytes,
                 .workers = at_two_ends});
  return all;
}

const Workload& known(std::string_view name) {
  const Workload* const found = find_workload(name);
  if (found == nullptr) throw std::logic_error("there is no workload " + std::string(name));
  return *found;
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all = all_workloads();
  return all;
}

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

namespace costs {
const Workload& count() { return known("count"); }
const Workload& create() { return known("create"); }
const Workload& hand_over() { return known("switch"); }
const Workload& wait() { return known("wait"); }
const Workload& chase() { return known("chase"); }
const Workload& core_to_core() { return known("core-to-core"); }
const Workload& link() { return known("link"); }
}  // namespace costs

}  // namespace crossover
