#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "common/harness/fuzz/check.hpp"
#include "common/harness/record.hpp"

using namespace crossover;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  nlohmann::ordered_json record;
  try {
    record = parse_record(text);
  } catch (const std::runtime_error& error) {
    check_message(error.what());
    return 0;
  }
  FUZZ_CHECK(parse_record(record.dump(2)) == record);

  const KnownNames known{{"double", "reduce"}, {"serial", "threads", "openmp"}};
  const Options call = parse_command_line({"--resume", "run.csv"}, known);
  try {
    const Options options = resume_options(record["options"], call, known);
    FUZZ_CHECK(options.resume == "run.csv");
    FUZZ_CHECK(!options.sizes.empty());
    FUZZ_CHECK(resume_options(options.given, call, known) == options);
  } catch (const EarlyExit& exit) {
    FUZZ_CHECK(exit.status == 2);
    check_message(exit.text);
  }

  FUZZ_CHECK(refuse_resume(record, record).empty());
  const nlohmann::ordered_json none;
  check_message(refuse_resume(record, none));
  check_message(refuse_resume(none, record));
  return 0;
}
