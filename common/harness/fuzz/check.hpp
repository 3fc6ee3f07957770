#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

/// Ends the fuzzer, so that it keeps the input, when a property does not hold.
#define FUZZ_CHECK(condition)                                                             \
  do {                                                                                    \
    if (!(condition)) {                                                                   \
      std::fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                       \
    }                                                                                     \
  } while (false)

namespace crossover {

/// A message is one line that says something.
inline void check_message(std::string_view message) {
  FUZZ_CHECK(!message.empty());
  FUZZ_CHECK(message.find('\n') == std::string_view::npos);
  FUZZ_CHECK(message.find('\r') == std::string_view::npos);
  FUZZ_CHECK(message.size() < 2000);
}

}  // namespace crossover
