#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/harness/fuzz/check.hpp"
#include "common/harness/parse.hpp"

using namespace crossover;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  try {
    const auto sizes = parse_sizes(text);
    FUZZ_CHECK(!sizes.empty());
    FUZZ_CHECK(sizes.back() <= kMostElements);
    FUZZ_CHECK(std::adjacent_find(sizes.begin(), sizes.end(), std::greater_equal<>()) ==
               sizes.end());
    std::string listed;
    for (const std::uint64_t one : sizes) {
      FUZZ_CHECK(parse_size(format_size(one)) == one);
      FUZZ_CHECK(format_size(one).size() <= std::to_string(one).size());
      listed += (listed.empty() ? "" : ",") + format_size(one);
    }
    FUZZ_CHECK(parse_sizes(listed) == sizes);
  } catch (const ParseError& error) {
    check_message(error.what());
  }
  return 0;
}
