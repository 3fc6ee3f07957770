#include "common/streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "common/descriptor.hpp"

namespace crossover {

void occupy_standard_descriptors() {
  for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; ++descriptor) {
    // The lowest free number is the one that is given.
    if (::fcntl(descriptor, F_GETFD) < 0) ::open("/", O_RDONLY | O_DIRECTORY);
  }
}

int print(std::string_view text) { return write_all(STDOUT_FILENO, text); }

void tell(std::string_view text) {
  pollfd error{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&error, 1, 100) == 1) write_all(STDERR_FILENO, text);
}

}  // namespace crossover
