#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/block_store.hpp"
#include "common/element.hpp"
#include "common/workload.hpp"

/// The one interface between the harness and the models. The harness knows no model by name; a
/// model knows nothing of rounds, of the CSV or of the library that calibrates the samples.
namespace crossover {

/// What the clock covers.
enum class Scope {
  resident,  ///< data where the work runs; host clock, until the host knows the result is there
  kernel,    ///< device memory; device clock around kernels back to back, launch gaps included
  offload,   ///< data starts and ends in host memory; host clock around copy in, work, copy out
};

inline constexpr std::array kScopes{Scope::resident, Scope::kernel, Scope::offload};

constexpr std::string_view name(Scope scope) {
  constexpr std::array<std::string_view, 3> names{"resident", "kernel", "offload"};
  return names[static_cast<std::size_t>(scope)];
}

/// Where an operation finds its data.
enum class Cache {
  warm,  ///< where the operation before left it
  cold,  ///< in main or device memory, in no cache
};

inline constexpr std::array kCaches{Cache::warm, Cache::cold};

constexpr std::string_view name(Cache cache) { return cache == Cache::warm ? "warm" : "cold"; }

/// What a configuration runs on: the CPUs, GPUs by their CUDA numbers, or nothing.
class Devices {
 public:
  static Devices cpus() { return {}; }
  static Devices gpus(std::vector<int> numbers);
  static Devices none();

  bool is_cpus() const { return !none_ && gpus_.empty(); }
  /// Ascending; several work together.
  const std::vector<int>& gpu_numbers() const { return gpus_; }
  /// "cpu", "gpu0", "gpu0+gpu1", "none".
  std::string name() const;

  bool operator==(const Devices&) const = default;

 private:
  std::vector<int> gpus_;
  bool none_ = false;
};

/// One thing to measure: the unit of the plan, of a benchmark's name and of a CSV row.
struct Configuration {
  const Workload* workload = nullptr;  ///< never null in a plan; points at an entry of workloads()
  ElementType type = ElementType::f32;
  std::string model;
  std::string variant;
  Scope scope = Scope::resident;
  std::uint64_t elements = 0;  ///< in total, over all workers
  int workers = 1;             ///< threads, processes or multiprocessors
  Devices device;
  Cache cache = Cache::warm;

  /// `workload/type/model/variant/scope/n:ELEMENTS/w:WORKERS`, with `/cold` behind it where caches
  /// are cold.
  std::string name() const;
  /// The fewest bytes that one operation can move (Workload::bytes).
  double bytes() const { return workload->bytes(type, elements); }
  /// Arithmetic operations of one operation.
  double flops() const { return workload->flops * static_cast<double>(elements); }
};

class ChosenForms;

/// Where a configuration's workers run.
struct Placement {
  /// The logical CPU (the operating system's number) of each worker, worker 0 first, or empty when
  /// workers are not pinned (`--pin none`). Worker 0 is the thread that calls the operation.
  std::vector<int> cpus;
  /// The CPUs an unpinned thread may use: the process's affinity mask.
  std::vector<int> allowed;
  /// More workers than hardware threads that the process may use: nobody spins while waiting.
  bool oversubscribed = false;
  /// What the sample before has left on these NUMA nodes; null: nothing is handed on.
  BlockStore* store = nullptr;
  /// The forms that were chosen for this machine's loops; null: none.
  const ChosenForms* forms = nullptr;
};

using Nanoseconds = std::chrono::duration<double, std::nano>;

/// What an operation's device told of itself while it worked.
struct Observation {
  std::string disturbed;  ///< why the sample is noisy ("clock throttled: power cap"), or empty
  /// Values for columns that the model has appended to the CSV (Model::columns).
  std::vector<std::pair<std::string_view, double>> values;
};

/// A configuration made ready: its data is allocated and placed, its workers exist. It can be
/// repeated as often as needed; nothing but time() is inside a clock. Not thread-safe.
class Operation {
 public:
  static constexpr std::int64_t kUnlimited = std::numeric_limits<std::int64_t>::max();

  virtual ~Operation() = default;

  /// Writes the input for `salt` (different salts differ in enough elements that the result of one
  /// is wrong for the other). Must be called before the first time().
  virtual void renew(std::uint32_t salt) = 0;

  /// How many operations may still follow before the input has to be renewed: `double` would
  /// otherwise reach infinity or zero.
  virtual std::int64_t operations_left() const { return kUnlimited; }

  /// Does `operations` operations (at most operations_left()) one after the other and returns what
  /// the configuration's clock measured for all of them together.
  virtual Nanoseconds time(std::int64_t operations) = 0;

  /// What the device told of itself during the operations since the last call: clocks, power,
  /// throttling. Called once before a sample and once after it, outside the clock.
  virtual Observation observe() { return {}; }

  /// The processes that work for this operation besides the calling one and live from one operation
  /// to the next: what they do is no disturbance.
  virtual std::vector<int> processes() const { return {}; }

  /// Of an offer with Offer::own_forms: the names of those that fit it, the first guess first.
  virtual std::vector<std::string> own_forms() const { return {}; }
  /// Goes on in that form of its loop, one of Offer::forms or of own_forms(), with input that has
  /// to be renewed before a result is right. Throws Unavailable where that cannot be done here.
  virtual void take_form(std::string_view form) { static_cast<void>(form); }

  /// Compares the last result with the reference. Independent of the workers under test.
  virtual Verdict verify() = 0;
};

/// What the host's clock measures for `operations` calls of `run()` together.
template <class Run>
Nanoseconds time_all(std::int64_t operations, Run&& run) {
  const auto start = std::chrono::steady_clock::now();
  for (std::int64_t i = 0; i < operations; ++i) run();
  return std::chrono::steady_clock::now() - start;
}

/// The same with `cool()` before each, outside the clock. The clock is read for every operation,
/// which adds some 20 to 50 ns to each.
template <class Run, class Cool>
Nanoseconds time_each(std::int64_t operations, Run&& run, Cool&& cool) {
  Nanoseconds taken{};
  for (std::int64_t i = 0; i < operations; ++i) {
    cool();
    taken += time_all(1, run);
  }
  return taken;
}

/// An operation on the host's clock: implement run(), one blocking operation.
class HostClockedOperation : public Operation {
 public:
  Nanoseconds time(std::int64_t operations) override;

 protected:
  virtual void run() = 0;
};

/// Thrown by Model::prepare() when a configuration cannot run here for a reason that the user may
/// want to know (too little memory, a thread limit): a `skipped` row with this reason.
class Unavailable : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One step of a model's ladder, or a library's version of the same thing.
struct Variant {
  enum class Role {
    best,     ///< what the model stands for: measured by default
    library,  ///< the baseline that a user would pick instead: measured by default
    step,     ///< a step on the way: measured with `--variants all`, or when named
  };
  std::string name;
  Role role = Role::best;
  std::vector<Scope> scopes{Scope::resident};
  /// Whether it is measured with more workers than hardware threads only when `--threads` asks for
  /// them, whatever the workload's own worker counts are.
  bool within_threads = false;
  /// Of a model of devices: it takes any number of a device's workers in the same way, so a preset
  /// sweeps them by it, at one size. Others are measured with all of them, unless asked.
  bool swept = false;
};

/// A workload that a model does, in one way: a line of its table.
struct Offer {
  const Workload* workload = nullptr;  ///< an entry of workloads()
  Variant variant;
  /// Allocates, places and first-touches; starts the workers. Throws Unavailable.
  std::function<std::unique_ptr<Operation>(const Configuration&, const Placement&)> make;
  /// The host memory that make() takes, in bytes, beyond what the process holds anyway. The harness
  /// decides by it what fits.
  std::function<std::uint64_t(const Configuration&)> host_bytes;
  std::vector<ElementType> types{};  ///< those it is for; empty: all of the workload's
  /// What sort of memory it leaves to the next sample of its block, in Placement::store, and takes
  /// from the one before; empty: none.
  std::string_view memory{};
  /// The names of the forms that its loop can take, the plain one first, of an offer by which those
  /// of all models on its devices are chosen; null for the others.
  std::vector<std::string> (*forms)(const Workload&, ElementType) = nullptr;
  /// Whether each of its configurations takes a form of its own: the fastest of
  /// Operation::own_forms().
  bool own_forms = false;
};

/// A column that a model appends to the CSV.
struct Column {
  std::string_view name;
  std::string_view unit;  ///< "MHz"; empty for plain numbers
  /// "telemetry": what a device told; "cost": what a cost adds; "tail": how long single units of a
  /// cost took (`op_...`), and how they were timed.
  std::string_view group;
  std::string_view meaning;  ///< one line
  /// Columns are only ever added at the end: those of a later one stand behind all others.
  int generation = 0;

  bool operator==(const Column&) const = default;
};

/// The worker counts that the command line asks for, before a model has picked those that apply.
struct Sweeps {
  std::vector<int> threads{1};  ///< `--threads`, resolved against the topology
  /// `--sms`: the counts asked for, none of them for `auto`. Unset for `all`: only a device knows
  /// how many that is.
  std::optional<std::vector<int>> sms;
  std::vector<int> devices{0};  ///< `--device`; empty means all
};

/// A way to parallelise: one file, and one line in the list that main hands to the harness.
class Model {
 public:
  virtual ~Model() = default;

  virtual std::string_view name() const = 0;

  /// Why this machine cannot run the model, or empty.
  virtual std::string unavailable() const { return {}; }

  /// What the model does, as a table: for each workload a ladder's first step first. The same
  /// whenever it is asked for.
  virtual const std::vector<Offer>& offers() const = 0;

  /// The devices and the worker counts to measure on each: (cpus, 1, 2, 4).
  /// Throws std::invalid_argument with one line when a sweep asks for what is not there.
  virtual std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const = 0;

  /// Opens what samples on these devices will need, before the first sample of any model: what an
  /// open device does to others (it makes a fork dear) then holds for all rounds. Throws nothing;
  /// what goes wrong is for the samples to tell.
  virtual void open(const Devices& devices) { static_cast<void>(devices); }

  /// The variants on offer for a workload in a type; empty when it is not on offer.
  std::vector<Variant> variants(const Workload& workload, ElementType type) const;
  /// The offer behind a configuration. Throws std::invalid_argument when there is none: nothing
  /// falls through to another workload or variant.
  const Offer& offer(const Configuration& configuration) const;
  /// That offer's, for the configuration.
  std::uint64_t host_bytes(const Configuration& configuration) const;
  std::unique_ptr<Operation> prepare(const Configuration& configuration,
                                     const Placement& placement);

  /// Which process has ended without which the run cannot go on, or empty: asked when a signal
  /// tells the run to stop, because whoever manages such processes ends one for another so.
  virtual std::string lost() const { return {}; }

  /// Columns that this model appends to the CSV; Operation::observe() gives their values.
  virtual std::vector<Column> columns() const { return {}; }

  /// What the model runs on besides the CPUs, for the machine's description: an object of keys and
  /// values, {"gpus": [...]}.
  virtual nlohmann::json hardware() const;

  /// What a reader of the results must know of how this model ran (wait policy, schedule, library
  /// versions): name and value, written to the run's JSON.
  virtual std::vector<std::pair<std::string, std::string>> facts() const { return {}; }
};

}  // namespace crossover
