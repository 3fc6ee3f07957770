#include <fmt/format.h>
#include <omp.h>

#include <atomic>
#include <cstdlib>

#include "common/plural.hpp"
#include "cpu/costs/count/count.hpp"
#include "cpu/costs/create/create.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

/// A parallel loop over the workers with the static schedule: iteration `worker` is thread
/// `worker`'s. OpenMP keeps its threads between regions; each is bound anew for every team, because
/// a thread that OpenMP creates inherits the caller's binding, and two threads that spin on one
/// core make no progress. So the caller is bound last, as one of them.
class Region {
 public:
  Region(int workers, const Placement& placement)
      : binding_(placement, CallerBinding::To::all), workers_(workers) {
    require_threads(workers);
    omp_set_dynamic(0);
    int size = 0;
    std::atomic<bool> bound{true};
#pragma omp parallel num_threads(workers_)
    {
#pragma omp single
      size = omp_get_num_threads();
      try {
        bind_worker(placement, omp_get_thread_num());
      } catch (const std::exception&) {
        bound = false;
      }
    }
    if (size != workers_) {
      throw Unavailable(fmt::format("OpenMP gives {} instead of {} (OMP_THREAD_LIMIT?)",
                                    counted(size, "thread"), workers_));
    }
    if (!bound) throw Unavailable("an OpenMP thread could not be bound to its CPU");
  }

  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;
  /// Ends OpenMP's threads: told to wait actively, they would take the cores from whatever is
  /// measured next. LLVM's runtime forgets its locks and its tools with them and then dies in the
  /// next critical region or fork; there they are sent to sleep, by a region with nothing to do
  /// (which OMP_WAIT_POLICY=active overrules).
  ~Region() {
#ifdef KMP_VERSION_MAJOR
    const int block_time = kmp_get_blocktime();
    kmp_set_blocktime(0);
#pragma omp parallel num_threads(workers_)
    {}
    kmp_set_blocktime(block_time);
#else
    omp_pause_resource_all(omp_pause_hard);
#endif
  }

  int workers() const { return workers_; }

  template <class Body>
  void run(Body&& body) {
#pragma omp parallel for schedule(static, 1) num_threads(workers_)
    for (int worker = 0; worker < workers_; ++worker) body(worker);
  }

 private:
  CallerBinding binding_;
  int workers_;
};

/// How OpenMP's threads count together (cpu/costs/count/count.hpp): on a plain variable, which is
/// what its directives are for.
class Plain {
 public:
  Plain(const Configuration&, const Placement&) {}
  void set(std::uint64_t value) { counter_ = value; }
  std::uint64_t value() const { return counter_; }

 protected:
  alignas(kLinePair) std::uint64_t counter_ = 0;
};

class Critical : public Plain {
 public:
  using Plain::Plain;
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
#pragma omp critical
      ++counter_;
    }
  }
};

class Atomic : public Plain {
 public:
  using Plain::Plain;
  void add(int, std::uint64_t times) {
    for (std::uint64_t i = 0; i < times; ++i) {
#pragma omp atomic
      ++counter_;
    }
  }
};

class Reduction : public Plain {
 public:
  using Plain::Plain;
  void add_together(Region& team, std::uint64_t times) {
    std::uint64_t sum = 0;
#pragma omp parallel for schedule(static) reduction(+ : sum) num_threads(team.workers())
    for (std::uint64_t i = 0; i < times; ++i) {
      ++sum;
      asm volatile("" : "+r"(sum));  // one by one, as `register` counts
    }
    counter_ += sum;
  }
};

// OpenMP's threads wait for one another by spinning: more of them than CPUs measure nothing.
const Variant kRegion{.name = "static", .within_threads = true};

/// `static`: a parallel loop with the static schedule.
class OpenMp final : public ThreadedModel {
 public:
  OpenMp()
      : ThreadedModel(
            {array_offers<Region>(kRegion),
             {count_offer<Region, Critical>("critical"), count_offer<Region, Atomic>("atomic"),
              count_offer<Region, Reduction>("reduction"),
              cost_offer<CreateOperation<Region>>(costs::create(), kRegion)}}) {}
  std::string_view name() const override { return "openmp"; }
  std::vector<Column> columns() const override {
    return {kMemoryColumns.begin(), kMemoryColumns.end() - 1};
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    const auto environment = [](const char* variable) -> std::string {
      const char* const value = std::getenv(variable);
      return value == nullptr ? "unset" : value;
    };
    return {{"version", std::to_string(_OPENMP)},
            {"schedule", "static"},
            {"wait_policy", environment("OMP_WAIT_POLICY")},
            {"spin_count", environment("GOMP_SPINCOUNT")},
            {"block_time", environment("KMP_BLOCKTIME")}};
  }
};

}  // namespace

std::unique_ptr<Model> make_openmp() { return std::make_unique<OpenMp>(); }

}  // namespace crossover::cpu
