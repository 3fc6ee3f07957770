#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

#include "common/harness/csv.hpp"
#include "common/harness/fuzz/check.hpp"

using namespace crossover;

namespace {

void check(const std::string& text) {
  try {
    const CsvContents contents = parse_csv(text);
    FUZZ_CHECK(contents.valid_bytes <= text.size());
    FUZZ_CHECK(contents.torn == (contents.valid_bytes < text.size()));
    // What --resume leaves of the file holds the same rows, and is whole.
    const CsvContents kept = parse_csv(text.substr(0, contents.valid_bytes));
    FUZZ_CHECK(!kept.torn && kept.rows.size() == contents.rows.size());
    std::string written = csv_header() + "\n";
    for (const Row& row : contents.rows) written += csv_line(row) + "\n";
    const CsvContents read = parse_csv(written);
    FUZZ_CHECK(!read.torn && read.rows.size() == contents.rows.size());
    for (std::size_t i = 0; i < read.rows.size(); ++i) {
      FUZZ_CHECK(csv_line(read.rows[i]) == csv_line(contents.rows[i]));
    }
  } catch (const std::runtime_error& error) {
    check_message(error.what());
    FUZZ_CHECK(std::string(error.what()).starts_with("line "));
  }
}

}  // namespace

/// Once as the whole file, and once behind a right header, which fuzzing is slow to find.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  check(text);
  check(csv_header() + "\n" + text);
  return 0;
}
