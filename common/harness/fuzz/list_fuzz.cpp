#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "common/harness/fuzz/check.hpp"
#include "common/harness/parse.hpp"
#include "common/harness/text.hpp"

using namespace crossover;

namespace {

template <class Action>
void checked(Action&& action) {
  try {
    action();
  } catch (const ParseError& error) {
    check_message(error.what());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  checked([&] {
    const auto entries = parse_list(text);
    FUZZ_CHECK(!entries.empty());
    FUZZ_CHECK(std::set<std::string>(entries.begin(), entries.end()).size() == entries.size());
    std::string again;
    for (const std::string& entry : entries) {
      FUZZ_CHECK(!entry.empty() && entry.find(',') == std::string::npos);
      again += (again.empty() ? "" : ",") + entry;
    }
    FUZZ_CHECK(parse_list(again) == entries);
    const std::string nearest = nearest_name(entries.front(), {"serial", "openmp", "f32"});
    FUZZ_CHECK(entries.front() != "openmp" || nearest == "openmp");
  });
  checked([&] {
    constexpr int kMost = 1000;
    const auto counts = parse_counts(text, kMost);
    FUZZ_CHECK(!counts.empty() && counts.front() >= 1 && counts.back() <= kMost);
    FUZZ_CHECK(std::adjacent_find(counts.begin(), counts.end(), std::greater_equal<>()) ==
               counts.end());
    std::string again;
    for (const int count : counts) again += (again.empty() ? "" : ",") + std::to_string(count);
    FUZZ_CHECK(parse_counts(again, kMost) == counts);
  });
  checked([&] {
    const double number = parse_number(text, 0, 1e7);
    FUZZ_CHECK(number >= 0 && number <= 1e7);
    FUZZ_CHECK(parse_number(format_decimal(number), 0, 1e7) == number);
  });
  FUZZ_CHECK(in_quotes(text).size() <= 62);
  if (is_utf8(text)) FUZZ_CHECK(is_utf8(in_quotes(text)));
  return 0;
}
