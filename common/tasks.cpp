#include "common/tasks.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <system_error>

#include "common/control_groups.hpp"
#include "common/model.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

namespace fs = std::filesystem;

class Tightest {
 public:
  /// `limit` is how many there may be, `used` how many there are.
  void offer(std::optional<std::uint64_t> limit, std::uint64_t used, std::string_view name) {
    if (!limit) return;
    const std::uint64_t left = *limit - std::min(*limit, used + kTaskMargin);
    if (!least_ || left < least_->tasks) least_ = TaskRoom{left, name};
  }
  const std::optional<TaskRoom>& least() const { return least_; }

 private:
  std::optional<TaskRoom> least_;
};

std::string text_of(const fs::path& path) { return read_text(path).value_or(""); }

/// All tasks of the system: "0.00 0.01 0.05 2/345 6789" are 345.
std::uint64_t all_tasks(const SystemRoot& root) {
  const auto fields = words(text_of(root.path / "proc/loadavg"));
  if (fields.size() < 4) return 0;
  return to_number<std::uint64_t>(fields[3].substr(fields[3].find('/') + 1)).value_or(0);
}

/// The tasks of this process's user.
std::uint64_t tasks_of_user(const SystemRoot& root) {
  const auto user_of = [](const std::string& status) {
    const auto fields = words(value_of(status, "Uid").value_or(""));
    return fields.empty() ? std::string() : fields[0];
  };
  const auto mine = user_of(text_of(root.path / "proc/self/status"));
  std::uint64_t tasks = 0;
  std::error_code error;
  for (fs::directory_iterator at(root.path / "proc", error), end; !error && at != end;
       at.increment(error)) {
    if (!to_number<int>(at->path().filename().string())) continue;
    const auto status = text_of(at->path() / "status");
    if (user_of(status) != mine) continue;
    tasks += to_number<std::uint64_t>(value_of(status, "Threads").value_or("")).value_or(0);
  }
  return tasks;
}

/// The soft limit; nothing when there is none.
std::optional<std::uint64_t> process_limit(const SystemRoot& root) {
  const auto fields =
      words(value_of(text_of(root.path / "proc/self/limits"), "Max processes").value_or(""));
  return fields.empty() ? std::nullopt : to_number<std::uint64_t>(fields[0]);
}

}  // namespace

std::optional<TaskRoom> room_for_tasks(TaskKind kind, const SystemRoot& root) {
  Tightest tightest;
  for (const auto& hierarchy : hierarchies(root, "pids")) {
    for (const auto& folder : hierarchy.folders) {
      tightest.offer(read_number<std::uint64_t>(folder / "pids.max"),  // "max" is no number
                     read_number<std::uint64_t>(folder / "pids.current").value_or(0),
                     "pids.max of the control group");
    }
  }
  const std::uint64_t all = all_tasks(root);
  const auto kernel = root.path / "proc/sys/kernel";
  tightest.offer(read_number<std::uint64_t>(kernel / "threads-max"), all, "kernel.threads-max");
  tightest.offer(read_number<std::uint64_t>(kernel / "pid_max"), all, "kernel.pid_max");
  if (const auto limit = process_limit(root); limit && geteuid() != 0) {
    tightest.offer(limit, tasks_of_user(root), "RLIMIT_NPROC");
  }
  if (kind == TaskKind::thread) {
    const auto most = read_number<std::uint64_t>(root.path / "proc/sys/vm/max_map_count");
    const auto maps = text_of(root.path / "proc/self/maps");
    const auto used = static_cast<std::uint64_t>(std::count(maps.begin(), maps.end(), '\n'));
    // A stack and its guard page.
    tightest.offer(most ? std::optional(*most / 2) : most, used / 2, "vm.max_map_count");
  }
  return tightest.least();
}

void require_room_for_tasks(TaskKind kind, std::uint64_t count, const SystemRoot& root) {
  const auto room = room_for_tasks(kind, root);
  if (!room || count <= room->tasks) return;
  throw Unavailable(fmt::format("{} {} more than the {} that {} leaves", count,
                                kind == TaskKind::thread ? "threads are" : "processes are",
                                room->tasks, room->limit));
}

std::optional<std::uint64_t> proportional_set_size(std::string_view process,
                                                   const SystemRoot& root) {
  const auto rollup = text_of(root.path / "proc" / process / "smaps_rollup");
  const auto fields = words(value_of(rollup, "Pss").value_or(""));
  if (fields.empty()) return std::nullopt;
  const auto kilobytes = to_number<std::uint64_t>(fields[0]);
  return kilobytes ? std::optional(*kilobytes * 1024) : std::nullopt;
}

ContextSwitches context_switches(pid_t task, const SystemRoot& root) {
  const auto status = text_of(root.path / "proc" / std::to_string(task) / "status");
  const auto count = [&](std::string_view key) {
    return to_number<std::uint64_t>(value_of(status, key).value_or("")).value_or(0);
  };
  return {count("voluntary_ctxt_switches"), count("nonvoluntary_ctxt_switches")};
}

}  // namespace crossover
