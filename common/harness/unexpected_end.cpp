#include "common/harness/unexpected_end.hpp"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "common/harness/exit_status.hpp"

namespace crossover {
namespace {

std::function<void()> last_words;
pid_t owner = 0;

void end() {
  if (!last_words || getpid() != owner) return;
  try {
    std::exchange(last_words, {})();
  } catch (...) {
  }
  _exit(kSystem);
}

[[noreturn]] void end_of_an_exception() {
  end();
  std::abort();
}

}  // namespace

UnexpectedEnd::UnexpectedEnd(std::function<void()> finish)
    : finish_of_the_elder_(std::exchange(last_words, std::move(finish))),
      handler_before_(std::set_terminate(end_of_an_exception)) {
  // Once more each time: what has been made since the last time must still be there.
  std::atexit(end);
  owner = getpid();
}

UnexpectedEnd::~UnexpectedEnd() {
  last_words = std::move(finish_of_the_elder_);
  std::set_terminate(handler_before_);
}

}  // namespace crossover
