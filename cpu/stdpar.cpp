#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>
#include <tbb/version.h>

#include <algorithm>
#include <execution>
#include <numeric>

#include "cpu/models.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

/// A TBB arena of as many threads as workers, each bound to the CPU of its slot. A parallel
/// algorithm runs in whichever arena calls it.
class Arena {
 public:
  Arena(int workers, const Placement& placement)
      : limit_(tbb::global_control::max_allowed_parallelism, static_cast<std::size_t>(workers)),
        binding_(placement),
        arena_(workers),
        binder_(arena_, placement),
        workers_(static_cast<std::size_t>(workers)) {
    std::iota(workers_.begin(), workers_.end(), 0);
  }

  template <class Work>
  void within(Work&& work) {
    arena_.execute(std::forward<Work>(work));
  }

  template <class Body>
  void run(Body&& body) {
    std::for_each(std::execution::par, workers_.begin(), workers_.end(),
                  [&body](int worker) { body(worker); });
  }

 private:
  class Binder : public tbb::task_scheduler_observer {
   public:
    Binder(tbb::task_arena& arena, const Placement& placement)
        : tbb::task_scheduler_observer(arena), placement_(placement) {
      observe(true);
    }
    ~Binder() override { observe(false); }

    void on_scheduler_entry(bool) override {
      try {
        bind_worker(placement_, tbb::this_task_arena::current_thread_index());
      } catch (const std::exception&) {
        // Only when the affinity mask shrinks during the run: the thread then stays where it may.
      }
    }

   private:
    Placement placement_;
  };

  tbb::global_control limit_;
  CallerBinding binding_;
  tbb::task_arena arena_;
  Binder binder_;
  std::vector<int> workers_;
};

/// The library's own versions: the element-wise algorithms, as a user would write them. Sums of
/// floats are asked for in double precision, which is what the accuracy needs.
class Elementwise : public Arena {
 public:
  using Arena::Arena;

  template <class T>
  void double_in_place(std::span<T> x) {
    using Value = loops::Wrapping<T>;
    std::for_each(std::execution::par_unseq, x.begin(), x.end(), [](T& value) {
      value = static_cast<T>(static_cast<Value>(value) + static_cast<Value>(value));
    });
  }

  template <class T>
  SumOf<T> sum(std::span<const T> x) {
    // An integer may be read as the unsigned one of its width, whose sum wraps by definition.
    using Value = loops::Wrapping<T>;
    const auto* const first = reinterpret_cast<const Value*>(x.data());
    return static_cast<SumOf<T>>(std::reduce(std::execution::par_unseq, first, first + x.size(),
                                             loops::Wrapping<SumOf<T>>{}));
  }
};

class StdPar final : public ThreadedModel {
 public:
  std::string_view name() const override { return "stdpar"; }
  std::vector<Variant> variants(const Workload& workload, ElementType) const override {
    if (!workload.moves_data()) return {};
    return {{"slices"}, {"par_unseq", Variant::Role::library}};
  }
  std::unique_ptr<Operation> prepare(const Configuration& configuration,
                                     const Placement& placement) override {
    if (configuration.variant == "par_unseq") {
      return make_operation<Elementwise>(configuration, placement);
    }
    return make_operation<Arena>(configuration, placement);
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"backend", fmt::format("oneTBB {}", TBB_runtime_version())}};
  }
};

}  // namespace

std::unique_ptr<Model> make_stdpar() { return std::make_unique<StdPar>(); }

}  // namespace crossover::cpu
