#include "common/harness/launcher.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace crossover {

namespace {

bool launched_by_prrte() { return std::getenv("PRTE_LAUNCHED") != nullptr; }

std::string command_of(pid_t process) {
  std::ifstream file(fmt::format("/proc/{}/comm", process));
  std::string name;
  std::getline(file, name);
  return name;
}

bool goes_to_a_file(int descriptor) {
  struct stat what {};
  return fstat(descriptor, &what) == 0 && S_ISREG(what.st_mode);
}

}  // namespace

std::chrono::milliseconds patience() {
  // A user is promised the end within a second; PRRTE grants a quarter of one, of which the summary
  // takes most where the machine is busy.
  return std::chrono::milliseconds(launched_by_prrte() ? 20 : 600);
}

void print_past_launcher(pid_t sender) {
  // PRRTE's daemons (prted) go on after the job, and so do their output and what they forward.
  if (!launched_by_prrte() || sender != getppid() || command_of(sender) != "prterun") return;
  if (goes_to_a_file(STDOUT_FILENO)) return;
  // Without waiting for a reader, should it be a named pipe that has none any more.
  const int its = open(fmt::format("/proc/{}/fd/{}", sender, STDOUT_FILENO).c_str(),
                       O_WRONLY | O_APPEND | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (its < 0) return;
  fcntl(its, F_SETFL, O_APPEND);
  dup2(its, STDOUT_FILENO);
  close(its);
}

}  // namespace crossover
