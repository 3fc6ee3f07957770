#include <fmt/format.h>
#include <tbb/global_control.h>
#include <tbb/task_arena.h>
#include <tbb/task_scheduler_observer.h>
#include <tbb/version.h>

#include <algorithm>
#include <execution>
#include <functional>
#include <memory>
#include <numeric>

#include "common/workloads/list.hpp"
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
    // oneTBB keeps the threads that it has.
    static int kept = 1;
    if (workers > kept) require_threads(workers);
    kept = std::max(kept, workers);
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

/// Where array `index` begins. An integer may be read as the unsigned one of its width, whose
/// arithmetic wraps by definition.
template <class T>
Word<T>* at(void* const* arrays, int index) {
  return static_cast<Word<T>*>(arrays[index]);
}

template <class Work, class T>
void map_all(const void* self, void* const* arrays, std::uint64_t count) {
  using W = Word<T>;
  const Work work = *static_cast<const Work*>(self);
  constexpr auto kPolicy = std::execution::par_unseq;
  W* const y = at<T>(arrays, 0);
  constexpr int kFirst = Work::kPattern == Pattern::map_into ? 1 : 0;
  if constexpr (Work::kArrays == 1) {
    std::for_each(kPolicy, y, y + count, [work](W& value) { value = work.element(value); });
  } else if constexpr (Work::kInputs == 1) {
    const W* const x = at<T>(arrays, kFirst);
    std::transform(kPolicy, x, x + count, y, [work](W value) { return work.element(value); });
  } else if constexpr (Work::kInputs == 2) {
    const W* const a = at<T>(arrays, kFirst);
    const W* const b = at<T>(arrays, kFirst + 1);
    std::transform(kPolicy, a, a + count, b, y, [work](W p, W q) { return work.element(p, q); });
  } else {
    const W* const a = at<T>(arrays, 1);
    const W* const b = at<T>(arrays, 2);
    // There is no algorithm for three inputs: by the place of the element.
    std::for_each(kPolicy, y, y + count, [work, y, a, b](W& value) {
      const auto i = &value - y;
      value = work.element(value, a[i], b[i]);
    });
  }
}

template <class Work, class T>
Total sum_all(const void* self, void* const* arrays, std::uint64_t count) {
  using W = Word<T>;
  using Sum = Word<SumOf<T>>;
  const Work work = *static_cast<const Work*>(self);
  const W* const x = at<T>(arrays, 0);
  Sum sum{};
  if constexpr (Work::kArrays == 1) {
    sum = std::transform_reduce(std::execution::par_unseq, x, x + count, Sum{}, std::plus<Sum>{},
                                [work](W value) { return static_cast<Sum>(work.element(value)); });
  } else {
    sum = std::transform_reduce(std::execution::par_unseq, x, x + count, at<T>(arrays, 1), Sum{},
                                std::plus<Sum>{},
                                [work](W p, W q) { return static_cast<Sum>(work.element(p, q)); });
  }
  if constexpr (std::is_floating_point_v<T>) {
    return Total{.real = sum};
  } else {
    return Total{.integer = sum};
  }
}

/// The library's own versions: the element-wise algorithms, as a user would write them. Sums of
/// floats are asked for in double precision, which is what the accuracy needs.
class Algorithms : public Arena {
 public:
  using Arena::Arena;
  static Loops whole(const Workload& workload, ElementType type) {
    Loops loops;
    with_array_workload(workload, type,
                        [&]<class Work, class T>(const Work& work, std::type_identity<T>) {
                          loops.work = std::make_shared<const Work>(work);
                          if constexpr (Work::kPattern == Pattern::sum) {
                            loops.sum_part = &sum_all<Work, T>;
                          } else {
                            loops.map_part = &map_all<Work, T>;
                          }
                        });
    return loops;
  }
};

/// `slices`: std::for_each over the workers' slices and the loop bodies of the other models.
/// `par_unseq`: the algorithms on the elements. Both on oneTBB.
class StdPar final : public ThreadedModel {
 public:
  StdPar()
      : ThreadedModel({array_offers<Arena>({"slices"}),
                       array_offers<Algorithms>({"par_unseq", Variant::Role::library})}) {}
  std::string_view name() const override { return "stdpar"; }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"backend", fmt::format("oneTBB {}", TBB_runtime_version())}};
  }
};

}  // namespace

std::unique_ptr<Model> make_stdpar() { return std::make_unique<StdPar>(); }

}  // namespace crossover::cpu
