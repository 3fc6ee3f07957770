#include "common/workload.hpp"

#include <algorithm>

namespace crossover {

namespace {

double no_bytes(ElementType, std::uint64_t) { return 0; }

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

std::vector<int> switching(const std::vector<int>&, bool, int) { return {2}; }

// Workers that block share a core without disturbing one another.
std::vector<int> waiting(const std::vector<int>& counts, bool automatic, int cores) {
  if (!automatic) return counts;
  return with_more({1, cores}, true, {8 * cores, 64 * cores});
}

}  // namespace

const std::vector<Workload>& workloads() {
  static const std::vector<Workload> all{
      {"double",
       "x[i] *= 2, in place",
       {kElementTypes.begin(), kElementTypes.end()},
       [](ElementType type, std::uint64_t n) {
         return 2.0 * static_cast<double>(n) * static_cast<double>(size_of(type));
       }},
      {"reduce",
       "the sum of all x[i]",
       {kElementTypes.begin(), kElementTypes.end()},
       [](ElementType type, std::uint64_t n) {
         return static_cast<double>(n) * static_cast<double>(size_of(type));
       }},
      {.name = "count",
       .summary = "the workers together add 1 to a counter",
       .types = {ElementType::i64},
       .bytes = no_bytes,
       .unit = "increment",
       .sizes = {std::uint64_t{1} << 16}},
      {.name = "create",
       .summary = "make workers that do nothing and wait for their end",
       .types = {ElementType::none},
       .bytes = no_bytes,
       .unit = "worker",
       .sizes = {1},
       .per_worker = true,
       .oversubscribes = true,
       .workers = creating},
      {.name = "switch",
       .summary = "hand a token to another worker and get it back",
       .types = {ElementType::none},
       .bytes = no_bytes,
       .unit = "round trip",
       .sizes = {1},
       .workers = switching},
      {.name = "wait",
       .summary = "tasks of 1 ms that block or compute",
       .types = {ElementType::none},
       .bytes = no_bytes,
       .unit = "task",
       .sizes = {1},
       .per_worker = true,
       .oversubscribes = true,
       .workers = waiting},
  };
  return all;
}

bool Workload::moves_data() const { return bytes(types.front(), 1) > 0; }

const Workload* find_workload(std::string_view name) {
  for (const Workload& workload : workloads()) {
    if (workload.name == name) return &workload;
  }
  return nullptr;
}

}  // namespace crossover
