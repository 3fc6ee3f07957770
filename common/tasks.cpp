#include "common/tasks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string>
#include <system_error>

#include "common/control_groups.hpp"
#include "common/model.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

namespace fs = std::filesystem;

std::string text_of(const fs::path& path) { return read_text(path).value_or(""); }

/// All tasks of the system: "0.00 0.01 0.05 2/345 6789" are 345.
std::uint64_t all_tasks(const SystemRoot& root) {
  const auto fields = words(text_of(root.path / "proc/loadavg"));
  if (fields.size() < 4) return 0;
  return to_number<std::uint64_t>(fields[3].substr(fields[3].find('/') + 1)).value_or(0);
}

/// The tasks of this process's user.
std::uint64_t tasks_of_user(const SystemRoot& root) {
  const auto mine = number_of<std::uint64_t>(text_of(root.path / "proc/self/status"), "Uid");
  std::uint64_t tasks = 0;
  std::error_code error;
  for (fs::directory_iterator at(root.path / "proc", error), end; !error && at != end;
       at.increment(error)) {
    if (!to_number<int>(at->path().filename().string())) continue;
    const auto status = text_of(at->path() / "status");
    if (number_of<std::uint64_t>(status, "Uid") != mine) continue;
    tasks += number_of<std::uint64_t>(status, "Threads").value_or(0);
  }
  return tasks;
}

}  // namespace

std::optional<TaskRoom> room_for_tasks(TaskKind kind, const SystemRoot& root) {
  std::optional<TaskRoom> least;
  // `limit` is how many there may be, `used` how many there are.
  const auto consider = [&](std::optional<std::uint64_t> limit, std::uint64_t used,
                            std::string_view name) {
    if (!limit) return;
    const std::uint64_t left = *limit - std::min(*limit, used + kTaskMargin);
    if (!least || left < least->tasks) least = TaskRoom{left, name};
  };
  for (const auto& [unified, folder] : control_groups(root, "pids")) {
    consider(read_number<std::uint64_t>(folder / "pids.max"),  // "max" is no number
             read_number<std::uint64_t>(folder / "pids.current").value_or(0),
             "pids.max of the control group");
  }
  const std::uint64_t all = all_tasks(root);
  const auto kernel = root.path / "proc/sys/kernel";
  consider(read_number<std::uint64_t>(kernel / "threads-max"), all, "kernel.threads-max");
  consider(read_number<std::uint64_t>(kernel / "pid_max"), all, "kernel.pid_max");
  const auto limits = text_of(root.path / "proc/self/limits");
  const auto of_user = number_of<std::uint64_t>(limits, "Max processes");  // the soft limit
  if (of_user && geteuid() != 0) consider(of_user, tasks_of_user(root), "RLIMIT_NPROC");
  if (kind == TaskKind::thread) {
    const auto most = read_number<std::uint64_t>(root.path / "proc/sys/vm/max_map_count");
    const auto maps = text_of(root.path / "proc/self/maps");
    const auto used = static_cast<std::uint64_t>(std::count(maps.begin(), maps.end(), '\n'));
    // A stack and its guard page.
    consider(most ? std::optional(*most / 2) : most, used / 2, "vm.max_map_count");
  }
  return least;
}

void require_room_for_tasks(TaskKind kind, std::uint64_t count, const SystemRoot& root) {
  const auto room = room_for_tasks(kind, root);
  if (!room || count <= room->tasks) return;
  throw Unavailable(fmt::format("{} {} more than the {} that {} leaves", count,
                                kind == TaskKind::thread ? "threads are" : "processes are",
                                room->tasks, room->limit));
}

std::optional<MemoryUse> memory_use(std::string_view process, const SystemRoot& root) {
  const auto folder = root.path / "proc" / process;
  const auto mapped = text_of(folder / "smaps_rollup");
  const auto proportional = kilobytes(mapped, "Pss");
  const auto resident = kilobytes(mapped, "Rss");
  const auto reserved = kilobytes(text_of(folder / "status"), "VmSize");
  if (!proportional || !resident || !reserved) return std::nullopt;
  return MemoryUse{static_cast<double>(*proportional), static_cast<double>(*resident),
                   static_cast<double>(*reserved)};
}

ContextSwitches context_switches(pid_t task, const SystemRoot& root) {
  const auto status = text_of(root.path / "proc" / std::to_string(task) / "status");
  const auto count = [&](std::string_view key) {
    return number_of<std::uint64_t>(status, key).value_or(0);
  };
  return {count("voluntary_ctxt_switches"), count("nonvoluntary_ctxt_switches")};
}

std::optional<ProcessUsage> process_usage(int process, const SystemRoot& root) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  ProcessUsage usage;
  usage.cpu_s = static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
  usage.involuntary_switches = static_cast<double>(context_switches(process, root).involuntary);
  // Time on a CPU, time waiting for one (both ns), turns on one.
  const auto schedule = words(text_of(root.path / "proc" / std::to_string(process) / "schedstat"));
  if (schedule.size() >= 3) {
    usage.wait_ns = to_number<std::uint64_t>(schedule[1]).value_or(0);
    usage.turns = to_number<std::uint64_t>(schedule[2]).value_or(0);
  }
  return usage;
}

std::optional<bool> holds_cuda_context(const SystemRoot& root) {
  const auto maps = read_text(root.path / "proc/self/maps");
  if (!maps) return std::nullopt;
  const auto lines = split(*maps, '\n');
  return std::any_of(lines.begin(), lines.end(), [](std::string_view line) {
    // ADDRESSES RIGHTS OFFSET DEVICE INODE PATH
    const auto path = line.find('/');
    return path != std::string_view::npos && line.substr(path).starts_with("/dev/nvidia");
  });
}

}  // namespace crossover
