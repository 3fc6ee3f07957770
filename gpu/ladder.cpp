#include "gpu/ladder.hpp"

#include <fmt/format.h>

#include "gpu/work.hpp"

namespace crossover::gpu {

namespace {

/// From so many bytes for each multiprocessor on, `bulk` has a full ring to work with. To be set
/// from measurements; until then the 48 KiB that it keeps in flight, eight times over.
constexpr std::uint64_t kBulkFrom = std::uint64_t{384} << 10;

std::uint64_t bulk_from(int multiprocessors) {
  return kBulkFrom * static_cast<std::uint64_t>(multiprocessors);
}

}  // namespace

std::vector<Variant> ladder(const Workload& workload, ElementType type) {
  using Role = Variant::Role;
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  if (workload.name == "count") {
    return {{"unsynchronised", Role::best, device},
            {"atomic", Role::best, device},
            {"shared-atomic", Role::best, device},
            {"warp-aggregated", Role::best, device}};
  }
  // How long the host waits is the question.
  if (workload.name == "create") return {{"launch", Role::best, {Scope::resident}}};
  if (!workload.moves_data()) return {};
  const std::vector<Scope> offload{Scope::offload};
  std::vector<Variant> all;
  const auto steps =
      workload.name == "double"
          ? std::vector<std::string>{"naive", "grid-stride", "vector", "unrolled", "bulk"}
          : std::vector<std::string>{"atomic", "shared", "shuffle", "vector", "single-pass"};
  for (const std::string& step : steps) all.push_back({step, Role::step, device});
  all.push_back({"graph", Role::step, device});
  all.push_back({"best", Role::best, device});
  for (const char* library : {"cub", "cublas", "thrust"}) {
    if (!has_library(workload.name, type, library)) continue;
    // thrust::reduce waits by itself: the device's clock cannot be put around it.
    const bool waits = std::string_view(library) == "thrust";
    all.push_back({library, Role::library, waits ? std::vector{Scope::resident} : device});
  }
  all.push_back({"pageable", Role::step, offload});
  all.push_back({"pinned", Role::step, offload});
  all.push_back({"overlapped", Role::best, offload});
  return all;
}

std::string best_step(const Workload& workload, const Target& target) {
  if (workload.name == "reduce") return "single-pass";
  // On few multiprocessors each has to keep more in flight than its threads' registers hold.
  if (target.bulk && (target.limited || target.bytes >= bulk_from(target.multiprocessors))) {
    return "bulk";
  }
  return "unrolled";
}

std::string best_rule(const Workload& workload, int multiprocessors, bool bulk) {
  if (workload.name == "reduce") return "single-pass";
  if (!bulk) return "unrolled";
  return fmt::format("unrolled below {} bytes, bulk from there and on some multiprocessors",
                     bulk_from(multiprocessors));
}

}  // namespace crossover::gpu
