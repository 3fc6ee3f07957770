#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/harness/fuzz/check.hpp"
#include "common/harness/options.hpp"
#include "common/harness/parse.hpp"

using namespace crossover;

namespace {

void check_exit(const EarlyExit& exit) {
  FUZZ_CHECK(exit.status == 0 || exit.status == 2);
  if (exit.status == 2) check_message(exit.text);
  if (exit.status == 0) FUZZ_CHECK(exit.text.ends_with('\n'));
}

void check_options(const Options& options) {
  FUZZ_CHECK(!options.sizes.empty() && options.sizes.back() <= kMostElements);
  FUZZ_CHECK(!options.types.empty());
  FUZZ_CHECK(!options.threads || !options.threads->empty());
  FUZZ_CHECK(options.rounds >= 1 && options.rounds <= 1'000'000);
  FUZZ_CHECK(options.min_time_s > 0 && options.min_time_s <= 3600);
  FUZZ_CHECK(options.precision_percent > 0 && options.precision_percent <= 100);
  FUZZ_CHECK(options.budget_s > 0 && options.budget_s <= 1e7);
  FUZZ_CHECK(!options.label.empty() && options.label.find('/') == std::string::npos);
  FUZZ_CHECK(options.output.empty() || options.resume.empty());
  for (const std::string& flag : options.benchmark_flags) {
    FUZZ_CHECK(flag.starts_with("--benchmark_"));
  }
  options.given.dump();  // throws for what is not UTF-8
}

}  // namespace

/// One argument a line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<std::string> arguments(1);
  for (std::size_t i = 0; i < size; ++i) {
    const char c = static_cast<char>(data[i]);
    if (c == '\0') return -1;  // no argument can have one
    if (c == '\n') {
      arguments.emplace_back();
    } else {
      arguments.back() += c;
    }
  }
  const KnownNames known{{"double", "reduce"}, {"serial", "threads", "openmp"}};
  try {
    const Options options = parse_command_line(arguments, known);
    check_options(options);
    Options again = resume_options(options.given, options, known);
    FUZZ_CHECK(again == options);
    FUZZ_CHECK(printable_command(arguments).starts_with("crossover"));
  } catch (const EarlyExit& exit) {
    check_exit(exit);
  }
  return 0;
}
