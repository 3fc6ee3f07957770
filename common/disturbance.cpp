#include "common/disturbance.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/plural.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

using std::chrono::steady_clock;

double seconds(steady_clock::duration span) { return std::chrono::duration<double>(span).count(); }

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
}

/// CPU time and forced switches so far of the process and of its children that have ended.
std::pair<double, double> own_usage() {
  std::pair<double, double> sum;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    getrusage(who, &usage);
    sum.first += seconds(usage.ru_utime) + seconds(usage.ru_stime);
    sum.second += static_cast<double>(usage.ru_nivcsw);
  }
  return sum;
}

/// Takes the next number off the front of `text`, skipping blanks; 0 at the line's end.
std::uint64_t next_number(std::string_view& text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  std::uint64_t value = 0;
  const auto* end = std::from_chars(text.data(), text.data() + text.size(), value).ptr;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

/// Files that the meter keeps open at most: a shell usually allows a process 1024.
constexpr std::size_t kMostThreads = 512;

Descriptor open_file(const std::filesystem::path& path, int flags = 0) {
  return Descriptor(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
}

}  // namespace

std::string Disturbance::reason(int workers) const {
  const double workers_s = wall_s * std::max(1, workers);
  if (!(workers_s > 0)) return {};
  std::vector<std::string> phrases;

  const double steal_noise = kStealTicks * std::sqrt(steal_cpus) * tick_s;
  if (steal_s > kStealShare * workers_s && steal_s > steal_noise) {
    phrases.push_back(fmt::format("{:.1f} % of the CPU time stolen by the hypervisor",
                                  100 * steal_s / workers_s));
  }

  // A team larger than its CPUs takes turns by itself.
  if (workers <= usable_cpus) {
    const auto switches = [this] {
      return counted(involuntary_switches, "involuntary context switch", "es");
    };
    if (waits_known) {
      const double woken = std::max(0.0, turns - involuntary_switches);
      if (wait_s - woken * kWakeUp_s > kWaitShare * workers_s) {
        phrases.push_back(fmt::format("{} (waited {:.1f} % of the time for a CPU)", switches(),
                                      100 * wait_s / workers_s));
      }
    } else if (involuntary_switches > kFewSwitches &&
               involuntary_switches * kSwitch_s > kWaitShare * workers_s) {
      phrases.push_back(switches());
    }
  }

  const double others_noise = kOthersTicks * std::sqrt(busy_cpus) * tick_s;
  if (others_s > kOthersShare * workers_s && others_s > others_noise) {
    // Never more than there was, however the ticks fell.
    const double left_s = std::max(0.0, allowed_cpus * wall_s - own_s);
    phrases.push_back(
        fmt::format("other processes used {:.1f} CPUs", std::min(others_s, left_s) / wall_s));
  }

  // Of a CPU that slept meanwhile, the clock says nothing.
  if (mhz && base_mhz && own_s > 0.9 * wall_s && *mhz < kClockShare * *base_mhz) {
    phrases.push_back(
        fmt::format("clock at {:.0f} MHz, below its nominal {:.0f} MHz", *mhz, *base_mhz));
  }
  return fmt::format("{}", fmt::join(phrases, "; "));
}

DisturbanceMeter::DisturbanceMeter(const Topology& topology, SystemRoot root)
    : root_(std::move(root)),
      usable_cpus_(topology.usable_threads()),
      stat_(open_file(root_.path / "proc/stat")),
      tasks_(open_file(root_.path / "proc/self/task", O_DIRECTORY)) {
  const auto cpus = topology.allowed_cpus();
  slot_of_cpu_.assign(static_cast<std::size_t>(cpus.back()) + 1, -1);
  for (std::size_t slot = 0; slot < cpus.size(); ++slot) {
    slot_of_cpu_[static_cast<std::size_t>(cpus[slot])] = static_cast<int>(slot);
  }
  cpus_at_start_.resize(cpus.size());
  if (const auto ticks = sysconf(_SC_CLK_TCK); ticks > 0)
    tick_s_ = 1.0 / static_cast<double>(ticks);
  start();
}

void DisturbanceMeter::start(std::span<const int> processes) {
  processes_.clear();
  for (const int process : processes) {
    if (const auto usage = process_usage(process, root_)) processes_.emplace(process, *usage);
  }
  read_threads();
  for (auto& [id, thread] : threads_) thread.at_start = thread.now;
  read_cpus(cpus_at_start_);
  std::tie(own_at_start_, switches_at_start_) = own_usage();
  time_at_start_ = steady_clock::now();
}

Disturbance DisturbanceMeter::stop() {
  Disturbance span;
  span.wall_s = seconds(steady_clock::now() - time_at_start_);
  const auto [own, switches] = own_usage();
  span.own_s = own - own_at_start_;
  span.involuntary_switches = switches - switches_at_start_;
  for (const auto& [process, before] : processes_) {
    const auto after = process_usage(process, root_);
    if (!after) continue;  // ended, and counted with the process's own once it is waited for
    span.own_s += after->cpu_s - before.cpu_s;
    span.involuntary_switches += after->involuntary_switches - before.involuntary_switches;
    span.wait_s += 1e-9 * static_cast<double>(after->wait_ns - before.wait_ns);
    span.turns += static_cast<double>(after->turns - before.turns);
  }
  span.tick_s = tick_s_;
  span.allowed_cpus = static_cast<int>(cpus_at_start_.size());
  span.usable_cpus = usable_cpus_;

  auto cpus = cpus_at_start_;
  read_cpus(cpus);
  std::uint64_t busy_ticks = 0;
  std::uint64_t steal_ticks = 0;
  for (std::size_t slot = 0; slot < cpus.size(); ++slot) {
    const auto& before = cpus_at_start_[slot];
    const auto& after = cpus[slot];
    // Counters have been seen to step back, when a virtual machine moves to another host.
    if (after.busy > before.busy) {
      busy_ticks += after.busy - before.busy;
      ++span.busy_cpus;
    }
    if (after.steal > before.steal) {
      steal_ticks += after.steal - before.steal;
      ++span.steal_cpus;
    }
  }
  span.steal_s = static_cast<double>(steal_ticks) * tick_s_;
  span.others_s = std::max(0.0, static_cast<double>(busy_ticks) * tick_s_ - span.own_s);

  read_threads();
  span.waits_known = !threads_.empty();
  for (const auto& [id, thread] : threads_) {
    span.wait_s += 1e-9 * static_cast<double>(thread.now.wait_ns - thread.at_start.wait_ns);
    span.turns += static_cast<double>(thread.now.turns - thread.at_start.turns);
  }

  // Some kernels (Linux 4.13 to 5.17 on x86) wait 10 ms to tell the clock: then it is not asked.
  if (const int cpu = sched_getcpu(); cpu >= 0 && clock_is_cheap_) {
    const auto before = steady_clock::now();
    auto& clock = clock_of(cpu);
    const auto text = read(clock.file);
    const auto kilohertz = text ? to_number<double>(trimmed(*text)) : std::nullopt;
    if (kilohertz && *kilohertz > 0) {
      span.mhz = *kilohertz / 1000;
      span.base_mhz = clock.base_mhz;
    }
    clock_is_cheap_ = steady_clock::now() - before < std::chrono::milliseconds(2);
  }
  return span;
}

/// The file's text from its start, valid until the next read.
std::optional<std::string_view> DisturbanceMeter::read(const Descriptor& file) {
  const auto length = pread(file.get(), text_.data(), text_.size(), 0);
  if (length <= 0) return std::nullopt;
  return std::string_view(text_.data(), static_cast<std::size_t>(length));
}

/// Leaves the ticks of a CPU alone that /proc/stat does not list (it went offline).
void DisturbanceMeter::read_cpus(std::vector<CpuTicks>& ticks) {
  // The CPUs come first; behind them stand long lines that nobody needs.
  auto text = read(stat_);
  while (text && text->size() == text_.size() && text->find("\nintr") == std::string_view::npos) {
    text_.resize(2 * text_.size());
    text = read(stat_);
  }
  if (!text) return;
  while (!text->empty()) {
    auto line = text->substr(0, text->find('\n'));
    text->remove_prefix(std::min(text->size(), line.size() + 1));
    if (!line.starts_with("cpu")) return;
    line.remove_prefix(3);
    if (line.starts_with(' ')) continue;  // the sum of all CPUs
    const auto cpu = next_number(line);
    if (cpu >= slot_of_cpu_.size()) continue;
    const int slot = slot_of_cpu_[cpu];
    if (slot < 0) continue;
    // user nice system idle iowait irq softirq steal; guest time is part of user.
    std::uint64_t columns[8];
    for (auto& column : columns) column = next_number(line);
    ticks[static_cast<std::size_t>(slot)] = {
        columns[0] + columns[1] + columns[2] + columns[5] + columns[6], columns[7]};
  }
}

/// The folder of threads has a link for each: cheaper to ask than to list them. The files of ended
/// threads can no longer be read, which tells when one came as another went.
void DisturbanceMeter::read_threads() {
  struct stat status {};
  if (fstat(tasks_.get(), &status) != 0) return;
  if (status.st_nlink != task_links_) {
    task_links_ = status.st_nlink;
    list_threads();
  }
  const auto read_all = [this] {
    bool all = true;
    for (auto& [id, thread] : threads_) {
      auto text = read(thread.file);
      all = all && text;
      if (!text) continue;
      // Its time on a CPU, time waiting for one (both ns), and number of turns on one.
      next_number(*text);
      thread.now.wait_ns = next_number(*text);
      thread.now.turns = next_number(*text);
    }
    return all;
  };
  if (read_all()) return;
  list_threads();
  read_all();
}

void DisturbanceMeter::list_threads() {
  std::set<int> alive;
  std::error_code error;
  std::filesystem::directory_iterator at(root_.path / "proc/self/task", error);
  for (; !error && at != end(at); at.increment(error)) {
    if (const auto id = to_number<int>(at->path().filename().native())) alive.insert(*id);
  }
  if (error) return;
  // A number may have passed to another thread since.
  std::erase_if(threads_, [&](const auto& thread) {
    return !alive.contains(thread.first) || !read(thread.second.file);
  });
  for (const int id : alive) {
    if (threads_.size() >= kMostThreads) break;
    if (threads_.contains(id)) continue;
    Descriptor file(
        openat(tasks_.get(), (std::to_string(id) + "/schedstat").c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() >= 0) threads_.emplace(id, Thread{std::move(file), {}, {}});
  }
}

DisturbanceMeter::Clock& DisturbanceMeter::clock_of(int cpu) {
  const auto known = clocks_.find(cpu);
  if (known != clocks_.end()) return known->second;
  const auto folder = cpu_folder(root_.path, cpu) / "cpufreq";
  Clock clock{open_file(folder / "scaling_cur_freq"), read_megahertz(folder / "base_frequency")};
  return clocks_.emplace(cpu, std::move(clock)).first->second;
}

}  // namespace crossover
