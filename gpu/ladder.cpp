#include "gpu/ladder.hpp"

#include <fmt/format.h>

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

Work best_as_graph(const Target& target) {
  if (target.arrays.sets > 1) {
    throw Unavailable("a graph keeps the arrays that it was captured with: warm caches only");
  }
  return as_graph(target.stream, best(target));
}

}  // namespace

std::vector<Rung> ladder(const Workload& workload) {
  using Role = Variant::Role;
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  std::vector<Rung> all;
  const auto step = [&](const char* name, Step which, bool on_some = false) {
    const auto by = workload.is_sum ? sum_by : map_by;
    all.push_back({{name, Role::step, device},
                   [=](const Target& target) { return by(which, target); },
                   on_some});
  };
  if (workload.is_sum) {
    step("atomic", Step::atomic);
    step("shared", Step::shared);
    step("shuffle", Step::shuffle);
    step("vector", Step::vector);
    step("single-pass", Step::single_pass, true);
  } else {
    step("naive", Step::naive);
    step("grid-stride", Step::grid_stride);
    step("vector", Step::vector);
    step("unrolled", Step::unrolled, true);
    step("bulk", Step::bulk, true);
  }
  all.push_back({{"graph", Role::step, device}, best_as_graph});
  all.push_back({{"best", Role::best, device}, best, true});
  for (const Rung& library :
       {Rung{{"cub", Role::library, device}, cub_work(workload)},
        Rung{{"cublas", Role::library, device},
             cublas_work(workload),
             false,
             {ElementType::f32, ElementType::f64}},
        Rung{{"thrust", Role::library, {Scope::resident}}, thrust_work(workload)}}) {
    if (library.make) all.push_back(library);
  }
  return all;
}

Step best_step(const Workload& workload, const Situation& situation) {
  if (workload.is_sum) return Step::single_pass;
  // On few multiprocessors each has to keep more in flight than its threads' registers hold.
  if (situation.bulk && workload.flops <= kBulkFlops &&
      (situation.limited || situation.bytes >= bulk_from(situation.multiprocessors))) {
    return Step::bulk;
  }
  return Step::unrolled;
}

std::string best_rule(const Workload& workload, int multiprocessors, bool bulk) {
  if (workload.is_sum) return "single-pass";
  if (!bulk || workload.flops > kBulkFlops) return "unrolled";
  return fmt::format(
      "unrolled below {} bytes an array, bulk from there and on some multiprocessors",
      bulk_from(multiprocessors));
}

Work best(const Target& target) {
  const Device& device = target.device();
  const Step step = best_step(
      target.workload,
      {device.properties().multiprocessors, has_bulk(device), target.bytes(), target.limit > 0});
  return target.workload.is_sum ? sum_by(step, target) : map_by(step, target);
}

}  // namespace crossover::gpu
