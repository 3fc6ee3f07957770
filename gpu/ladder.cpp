#include "gpu/ladder.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>
#include <span>
#include <stdexcept>

#include "gpu/libraries.hpp"

namespace crossover::gpu {

namespace {

constexpr std::array kStepNames{"naive",  "grid-stride", "vector",      "unrolled",
                                "pack",   "bulk",        "tile",        "atomic",
                                "shared", "shuffle",     "single-pass", "ring"};

/// A form, and the bytes of all arrays of an operation below which it is the first guess, of those
/// that the device has and that come after the guesses before it.
struct Guess {
  Form form;
  std::uint64_t below;
};
constexpr std::uint64_t kAlways = std::numeric_limits<std::uint64_t>::max();
/// Where the arrays lie in the second-level cache: nine tenths of it. (On an H100 32 of 50 MiB did,
/// 64 did not.)
constexpr std::uint64_t kInCache = kAlways - 1;

// The guesses are what was fastest on one H100 80GB HBM3 (L2 50 MiB), device clock, medians of 9
// turns on f32; the steps' comments in map_kernels.cuh and sum_kernels.cuh have the figures.
// Between two sizes that were measured the boundary lies half-way.

constexpr Form pack(unsigned threads, bool dependent) {
  return {.step = Step::pack, .threads = threads, .dependent = dependent};
}
constexpr Form tile(unsigned threads, bool dependent) {
  return {.step = Step::tile, .threads = threads, .dependent = dependent};
}
constexpr Form one_block(unsigned threads, int packs, bool dependent = false) {
  return {.step = Step::single_pass,
          .threads = threads,
          .packs = packs,
          .one_block = true,
          .dependent = dependent};
}
constexpr Form blocks(unsigned threads, int packs, int each, bool dependent = false) {
  return {.step = Step::single_pass,
          .threads = threads,
          .packs = packs,
          .blocks = each,
          .dependent = dependent};
}

/// In place. Measured with `double`. Without bulk copies, 1024 threads a block lose the least from
/// memory: 0.2 % on `tile`.
constexpr std::array kInPlace{
    Guess{pack(256, true), 8 << 20},  Guess{pack(256, false), 8 << 20},
    Guess{{Step::vector}, kInCache},  Guess{tile(256, true), kAlways},
    Guess{tile(256, false), kAlways}, Guess{pack(1024, false), kAlways},
};
/// Into another array. Measured with `copy` from 4 Mi elements on, which is 32 MiB.
constexpr std::array kInto{
    Guess{pack(256, true), 8 << 20},   Guess{pack(256, false), 8 << 20},
    Guess{{Step::unrolled}, kInCache}, Guess{tile(512, false), kAlways},
    Guess{pack(1024, false), kAlways}, Guess{tile(512, true), 0},
    Guess{{Step::vector}, 0},
};
/// Bound by arithmetic, which wants several chains of operations in a thread: 4 packs each where
/// that leaves every multiprocessor two blocks, on an H100 from 4 MiB on.
constexpr std::array kArithmetic{
    Guess{pack(256, true), 4 << 20},
    Guess{pack(256, false), 4 << 20},
    Guess{{Step::unrolled}, kAlways},
};
/// Up to so much arithmetic on an element, which an H100 does ten times while its memory moves the
/// element, a map is bound by memory.
constexpr double kMemoryFlops = 16;

/// Sums. Measured with `reduce`, whose sizes these are: 1 Ki elements are 4 KiB.
constexpr std::array kSums{
    Guess{one_block(256, 1, true), 8 << 10},
    Guess{one_block(1024, 4, true), 384 << 10},
    Guess{blocks(512, 4, 0, true), 8 << 20},
    Guess{one_block(256, 1), 8 << 10},
    Guess{one_block(256, 4), 24 << 10},
    Guess{one_block(512, 4), 48 << 10},
    Guess{one_block(512, 8), 192 << 10},
    Guess{one_block(1024, 8), 384 << 10},
    Guess{blocks(256, 2, 0), 2 << 20},
    Guess{blocks(256, 8, 1), kInCache},
    Guess{{Step::ring}, kAlways},
    Guess{blocks(512, 8, 4), kAlways},
    Guess{blocks(512, 4, 1), 0},
};

std::span<const Guess> guesses(const Workload& workload) {
  if (workload.is_sum) return kSums;
  if (workload.flops > kMemoryFlops) return kArithmetic;
  if (workload.first_read > 0) return kInto;
  return kInPlace;
}

bool needs_9_0(const Form& form) {
  return form.dependent || form.step == Step::bulk || form.step == Step::tile ||
         form.step == Step::ring;
}

bool can_be(const Form& form, const Situation& situation) {
  if (needs_9_0(form) && !situation.has_9_0) return false;
  // There is no kernel ahead where the host waits for each.
  return !form.dependent || situation.back_to_back;
}

std::uint64_t below(const Guess& guess, const Situation& situation) {
  return guess.below == kInCache ? situation.l2_bytes / 10 * 9 : guess.below;
}

Work by(const Form& form, const Target& target) {
  return target.workload.is_sum ? sum_by(form, target) : map_by(form, target);
}

Work single_pass(const Target& target) {
  for (const Form& form : candidates(target.workload, situation_of(target))) {
    if (form.step == Step::single_pass && !form.dependent) return by(form, target);
  }
  throw std::invalid_argument(target.workload.name + " is no sum");
}

Work best_as_graph(const Target& target) {
  if (target.arrays.sets > 1) {
    throw Unavailable("a graph keeps the arrays that it was captured with: warm caches only");
  }
  return as_graph(target.stream, best(target));
}

/// The fastest of the forms whose kernel begins before the one ahead has ended, whether or not the
/// host waits in between.
Work dependent(const Target& target) {
  require_9_0(target.device());
  Target in_a_row = target;
  in_a_row.back_to_back = true;
  for (const Form& form : candidates(target.workload, situation_of(in_a_row))) {
    if (form.dependent) return by(form, in_a_row);
  }
  throw Unavailable("a dependent launch gains nothing at this size");
}

/// One block on each of the target's multiprocessors: the same shape for few and for all. Each has
/// to keep more in flight than its threads' registers hold.
Work spread(const Target& target) {
  if (target.workload.is_sum) return sum_by(blocks(1024, 4, 1), target);
  const bool bulk = target.workload.flops <= kMemoryFlops && has_9_0(target.device());
  return map_by({bulk ? Step::bulk : Step::unrolled}, target);
}

}  // namespace

std::string name(const Form& form) {
  std::string text = kStepNames[static_cast<std::size_t>(form.step)];
  const Step step = form.step;
  if (step == Step::pack || step == Step::tile) text += fmt::format(":{}", form.threads);
  if (step == Step::single_pass) {
    text += fmt::format(":{}x{}", form.threads, form.packs);
    if (form.one_block) text += ":one-block";
    if (form.blocks > 0) text += fmt::format(":{}-a-multiprocessor", form.blocks);
  }
  return form.dependent ? text + ":dependent" : text;
}

Situation situation_of(const Target& target) {
  const Properties& device = target.device().properties();
  const auto arrays = static_cast<std::uint64_t>(target.workload.arrays);
  return {arrays * target.bytes(), target.arrays.sets > 1 ? 0 : device.l2_bytes,
          has_9_0(target.device()), target.back_to_back};
}

std::vector<Form> candidates(const Workload& workload, const Situation& situation) {
  std::vector<Form> guessed;
  std::vector<Form> others;  // the nearest first
  for (const Guess& guess : guesses(workload)) {
    if (!can_be(guess.form, situation)) continue;
    const std::uint64_t end = below(guess, situation);
    if (situation.bytes < end) {
      guessed.push_back(guess.form);
    } else if (end == 0 || situation.bytes / 8 < end) {
      others.insert(others.begin(), guess.form);
    }
  }
  guessed.insert(guessed.end(), others.begin(), others.end());
  return guessed;
}

Work by_name(std::string_view form, const Target& target) {
  for (const Guess& guess : guesses(target.workload)) {
    if (name(guess.form) == form) return by(guess.form, target);
  }
  throw std::invalid_argument(fmt::format("{} has no form {}", target.workload.name, form));
}

std::string best_rule(const Workload& workload, Situation situation) {
  std::string rule;
  std::uint64_t from = 0;
  for (const Guess& guess : guesses(workload)) {
    const std::uint64_t end = below(guess, situation);
    if (!can_be(guess.form, situation) || end <= from) continue;
    rule += name(guess.form);
    if (guess.below == kAlways) break;
    rule += fmt::format(" below {} bytes, ", end);
    from = end;
  }
  return rule;
}

Work best(const Target& target) {
  const std::vector<Form> all = candidates(target.workload, situation_of(target));
  for (const Form& form : all) {
    try {
      return by(form, target);
    } catch (const Unavailable&) {
      // A dependent launch of too many blocks for this device: the next guess is made for that.
      if (!form.dependent) throw;
    }
  }
  throw std::logic_error("every workload has a form that every device can do");
}

std::vector<Rung> ladder(const Workload& workload) {
  using Role = Variant::Role;
  const std::vector<Scope> device{Scope::resident, Scope::kernel};
  std::vector<Rung> all;
  const auto step = [&](Step which) {
    const auto make = workload.is_sum ? sum_by : map_by;
    all.push_back({{kStepNames[static_cast<std::size_t>(which)], Role::step, device},
                   [=](const Target& target) { return make({.step = which}, target); }});
  };
  if (workload.is_sum) {
    for (const Step plain : {Step::atomic, Step::shared, Step::shuffle, Step::vector}) step(plain);
    all.push_back({{"single-pass", Role::step, device}, single_pass});
    step(Step::ring);
  } else {
    for (const Step plain : {Step::naive, Step::grid_stride, Step::vector, Step::unrolled,
                             Step::pack, Step::bulk, Step::tile}) {
      step(plain);
    }
  }
  all.push_back({{"dependent", Role::step, device}, dependent});
  all.push_back({{"graph", Role::step, device}, best_as_graph});
  all.push_back({{"best", Role::best, device}, best, {}, true});
  all.push_back({{.name = "spread", .role = Role::best, .scopes = device, .swept = true}, spread});
  for (const Rung& library :
       {Rung{{"cub", Role::library, device}, cub_work(workload)},
        Rung{{"cublas", Role::library, device},
             cublas_work(workload),
             {ElementType::f32, ElementType::f64}},
        Rung{{"thrust", Role::library, {Scope::resident}}, thrust_work(workload)}}) {
    if (library.make) all.push_back(library);
  }
  return all;
}

}  // namespace crossover::gpu
