#include "gpu/ladder.hpp"

#include <fmt/format.h>

#include "gpu/graph.hpp"
#include "gpu/libraries.hpp"

namespace crossover::gpu {

namespace {

/// From so many bytes of an array for each multiprocessor on, `bulk` has a full ring to work with.
/// To be set from measurements; until then the 48 KiB that it keeps in flight, eight times over.
constexpr std::uint64_t kBulkFrom = std::uint64_t{384} << 10;
/// Up to so much arithmetic on an element, which an H100 does ten times while its memory moves the
/// element, `bulk` is bound by memory; above, `unrolled` has more chains of operations side by
/// side.
constexpr double kBulkFlops = 16;

std::uint64_t bulk_from(int multiprocessors) {
  return kBulkFrom * static_cast<std::uint64_t>(multiprocessors);
}

std::unique_ptr<Work> best_as_graph(const Target& target) {
  if (target.arrays.sets > 1) {
    throw Unavailable("a graph keeps the arrays that it was captured with: warm caches only");
  }
  return make_graph(target.stream, best(target));
}

}  // namespace

std::vector<Rung> ladder(const Workload& workload) {
  using Role = Variant::Role;
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  const auto step = [&](const char* name, Make make, bool on_some = false) {
    return Rung{{name, Role::step, device}, make, on_some};
  };
  std::vector<Rung> all;
  if (workload.is_sum) {
    all = {step("atomic", sums::atomic), step("shared", sums::shared),
           step("shuffle", sums::shuffle), step("vector", sums::vector),
           step("single-pass", sums::single_pass, true)};
  } else {
    all = {step("naive", maps::naive), step("grid-stride", maps::grid_stride),
           step("vector", maps::vector), step("unrolled", maps::unrolled, true),
           step("bulk", maps::bulk, true)};
  }
  all.push_back(step("graph", best_as_graph));
  all.push_back({{"best", Role::best, device}, best, true});
  const auto library = [&](const char* name, Make make, const std::vector<Scope>& scopes,
                           const std::vector<ElementType>& types = {}) {
    if (make == nullptr) return;
    all.push_back({{name, Role::library, scopes}, make, false, types});
  };
  library("cub", cub_work(workload), device);
  library("cublas", cublas_work(workload), device, {ElementType::f32, ElementType::f64});
  library("thrust", thrust_work(workload), {Scope::resident});
  return all;
}

Make best_step(const Workload& workload, const Situation& situation) {
  if (workload.is_sum) return sums::single_pass;
  // On few multiprocessors each has to keep more in flight than its threads' registers hold.
  if (situation.bulk && workload.flops <= kBulkFlops &&
      (situation.limited || situation.bytes >= bulk_from(situation.multiprocessors))) {
    return maps::bulk;
  }
  return maps::unrolled;
}

std::string best_rule(const Workload& workload, int multiprocessors, bool bulk) {
  if (workload.is_sum) return "single-pass";
  if (!bulk || workload.flops > kBulkFlops) return "unrolled";
  return fmt::format(
      "unrolled below {} bytes an array, bulk from there and on some multiprocessors",
      bulk_from(multiprocessors));
}

std::unique_ptr<Work> best(const Target& target) {
  return best_step(target.workload,
                   {target.device().properties().multiprocessors, has_bulk(target.device()),
                    target.bytes(), target.limit.count > 0})(target);
}

}  // namespace crossover::gpu
