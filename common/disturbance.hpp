#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/descriptor.hpp"
#include "common/limits.hpp"
#include "common/tasks.hpp"
#include "common/topology.hpp"

/// What disturbed a span of time: whether a sample's clock measured the work alone, or also a
/// hypervisor, other processes or a throttled processor.
namespace crossover {

/// What happened between start() and stop(). Sums over the CPUs that the process may use, in
/// seconds of CPU time, unless said otherwise. What the system does not tell is 0.
struct Disturbance {
  double wall_s = 0;  ///< length of the span
  double own_s = 0;   ///< CPU time of this process, all its threads, and of its children
  double steal_s = 0;
  /// Switches of this process's threads and children that the scheduler forced, ended ones
  /// included.
  double involuntary_switches = 0;
  /// Time that this process's threads were ready to run but waited for a CPU. Of threads that lived
  /// through the whole span; threads born in it count from their birth, ended ones not at all,
  /// nor those beyond the 512th.
  double wait_s = 0;
  /// How often these threads got a CPU: each wake-up and each return after a forced switch.
  double turns = 0;
  /// CPU time that other processes and interrupts used: busy time less `own_s`.
  double others_s = 0;
  /// The clock of the CPU that called stop(), at that moment, and its nominal one.
  std::optional<double> mhz;
  std::optional<double> base_mhz;

  /// One tick of /proc/stat in seconds, and by how many of them the sums above can be wrong.
  double tick_s = 0.01;
  int steal_cpus = 0;    ///< CPUs whose steal counter moved
  int busy_cpus = 0;     ///< CPUs whose busy counters moved
  int allowed_cpus = 1;  ///< CPUs in the affinity mask
  int usable_cpus = 1;   ///< CPUs that the process can use at a time (quota included)
  bool waits_known = false;

  /// Why a sample of `workers` workers in this span must not be trusted, as a phrase for the CSV's
  /// note: "3.1 % of the CPU time stolen by the hypervisor; other processes used 0.4 CPUs". Empty
  /// when undisturbed.
  ///
  /// Each threshold is a share of the workers' time, `wall_s * workers`: what takes that share of a
  /// sample moves its result by about as much.
  ///
  /// A counter of /proc/stat moves in ticks of 10 ms, so the difference of two readings is off by
  /// up to one tick a CPU in either direction. Errors of several CPUs are independent, so their sum
  /// grows with the square root of the number of CPUs whose counters moved (those that did not can
  /// only have been counted too low). A sum has to exceed kStealTicks (kOthersTicks) times that as
  /// well: in 10 ms a single tick says nothing, in 1 s on two CPUs 30 ms of stolen time (1.5 %) are
  /// seen.
  std::string reason(int workers) const;

  /// Steal and waiting go straight into the sample: 1 %, about what a median is to be known to.
  static constexpr double kStealShare = 0.01;
  static constexpr double kWaitShare = 0.01;
  /// What others do on CPUs of their own costs only through shared caches, memory and clocks, a
  /// fraction of their time; what they do on the workers' CPUs shows as waiting as well. At 5 % the
  /// background of an idle desktop would count.
  static constexpr double kOthersShare = 0.10;
  /// A nominal clock is what the processor holds under load unless heat or a power limit forbid.
  static constexpr double kClockShare = 0.95;
  /// Above 1 so that one tick never counts; at 1.5 two CPUs that both happen to tick do not either.
  static constexpr double kStealTicks = 1.5;
  /// Busy time is the sum of several counters (user, system, interrupts), each off by its own tick,
  /// and kernels that sample at ticks add one more.
  static constexpr double kOthersTicks = 2.0;
  /// Waking a sleeping thread takes 30 to 75 us on an idle virtual machine. That is the price of
  /// the model that sleeps, not a disturbance, so each turn that no forced switch explains may wait
  /// this long.
  static constexpr double kWakeUp_s = 100e-6;
  /// Without wait times, a forced switch is taken for 1 ms: kernel threads take microseconds, a
  /// competing process its slice of 3 to 4 ms. And one or two say nothing.
  static constexpr double kSwitch_s = 1e-3;
  static constexpr double kFewSwitches = 2;
};

/// Reads the counters around a span: `start()`, the work, `stop()`. Keeps its files open, so that
/// both take some tens of microseconds on a small machine (the kernel writes all of /proc/stat, and
/// a file for each thread of the process). Not thread-safe; start and stop on the thread that does
/// worker 0's work.
class DisturbanceMeter {
 public:
  explicit DisturbanceMeter(const Topology& topology, SystemRoot root = {});

  /// `processes` are children of this process that take part in the work: they count as its own.
  void start(std::span<const int> processes = {});
  /// Since the last start(), or since construction.
  Disturbance stop();

 private:
  struct CpuTicks {
    std::uint64_t busy = 0;
    std::uint64_t steal = 0;
  };
  struct Waits {
    std::uint64_t wait_ns = 0;
    std::uint64_t turns = 0;
  };
  struct Thread {
    Descriptor file;
    Waits at_start;
    Waits now;
  };
  struct Clock {
    Descriptor file;
    std::optional<double> base_mhz;
  };

  void read_cpus(std::vector<CpuTicks>& ticks);
  std::optional<std::string_view> read(const Descriptor& file);
  void read_threads();
  void list_threads();
  Clock& clock_of(int cpu);

  SystemRoot root_;
  std::vector<int> slot_of_cpu_;  ///< index into the ticks, or -1 for a CPU that is not allowed
  int usable_cpus_ = 1;
  double tick_s_ = 0.01;
  std::vector<char> text_ = std::vector<char>(4096);

  Descriptor stat_;
  Descriptor tasks_;
  std::uint64_t task_links_ = 0;
  std::map<int, Thread> threads_;          ///< by thread id
  std::map<int, Clock> clocks_;            ///< by CPU
  std::map<int, ProcessUsage> processes_;  ///< at the start, by process id
  bool clock_is_cheap_ = true;

  std::vector<CpuTicks> cpus_at_start_;
  std::chrono::steady_clock::time_point time_at_start_;
  double own_at_start_ = 0;
  double switches_at_start_ = 0;
};

}  // namespace crossover
