#include "common/process_usage.hpp"

#include <ctime>
#include <string>

#include "common/system_file.hpp"

namespace crossover {

std::optional<ProcessUsage> process_usage(int process, const SystemRoot& root) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(process, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::nullopt;
  }
  ProcessUsage usage;
  usage.cpu_s = static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);

  const auto folder = root.path / "proc" / std::to_string(process);
  const auto status = read_text(folder / "status").value_or("");
  usage.involuntary_switches = number_of<double>(status, "nonvoluntary_ctxt_switches").value_or(0);
  // Time on a CPU, time waiting for one (both ns), turns on one.
  const auto schedule = words(read_text(folder / "schedstat").value_or(""));
  if (schedule.size() >= 3) {
    usage.wait_ns = to_number<std::uint64_t>(schedule[1]).value_or(0);
    usage.turns = to_number<std::uint64_t>(schedule[2]).value_or(0);
  }
  return usage;
}

}  // namespace crossover
