#include "common/harness/parse.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <system_error>

#include "common/harness/text.hpp"
#include "common/system_file.hpp"

namespace crossover {
namespace {

constexpr std::array<std::string_view, 4> kSuffixes{"Ki", "Mi", "Gi", "Ti"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

/// The value of a string of digits, or the largest number of the type when it does not fit.
std::uint64_t saturated(std::string_view digits) {
  return to_number<std::uint64_t>(digits).value_or(std::numeric_limits<std::uint64_t>::max());
}

/// The parts between commas.
std::vector<std::string_view> entries_of(std::string_view text) {
  if (text.empty())
    throw ParseError("the list is empty; give names or numbers with commas between");
  const auto entries = split(text, ',');
  if (std::find(entries.begin(), entries.end(), "") != entries.end()) {
    throw ParseError("an entry of the list " + in_quotes(text) +
                     " is empty; put one comma between two entries and none at the ends");
  }
  return entries;
}

/// What someone who wrote `64k` or `64KiB` will have meant: `64Ki`, or empty.
std::string meant_size(std::string_view digits, std::string_view suffix) {
  if (!is_digits(digits) || suffix.empty()) return {};
  for (const std::string_view known : kSuffixes) {
    if ((suffix[0] | 0x20) != (known[0] | 0x20)) continue;
    const std::string_view rest = suffix.substr(1);
    constexpr std::array<std::string_view, 8> kRests{"", "b", "B", "i", "I", "iB", "ib", "IB"};
    if (std::find(kRests.begin(), kRests.end(), rest) == kRests.end()) return {};
    return std::string(digits) + std::string(known);
  }
  return {};
}

/// The factor of a range's `x4`.
std::uint64_t parse_factor(std::string_view text, std::string_view range) {
  const std::string_view digits = text.empty() ? text : text.substr(1);
  if (text.empty() || text[0] != 'x' || !is_digits(digits) || saturated(digits) < 2) {
    throw ParseError(in_quotes(text) + " in " + in_quotes(range) +
                     " is not a factor; write a whole number from 2 behind :x, for example "
                     "1Ki..256Mi:x4");
  }
  return saturated(digits);
}

void append_size_range(std::string_view entry, std::size_t dots,
                       std::vector<std::uint64_t>& sizes) {
  const std::size_t colon = std::min(entry.find(':', dots), entry.size());
  const std::uint64_t first = parse_size(entry.substr(0, dots));
  const std::uint64_t last = parse_size(entry.substr(dots + 2, colon - dots - 2));
  const std::uint64_t factor =
      colon == entry.size() ? 2 : parse_factor(entry.substr(colon + 1), entry);
  if (first == 0) {
    throw ParseError("the range " + in_quotes(entry) +
                     " multiplies and so may not start at 0; write 0,1.." + format_size(last) +
                     " to have the empty array as well");
  }
  if (first > last) {
    throw ParseError("the range " + in_quotes(entry) + " ends before it starts; write " +
                     format_size(last) + ".." + format_size(first));
  }
  for (std::uint64_t size = first;; size *= factor) {
    sizes.push_back(size);
    if (size > last / factor) break;
  }
}

}  // namespace

std::vector<std::string> parse_list(std::string_view text) {
  std::vector<std::string> entries;
  for (const std::string_view entry : entries_of(text)) {
    if (std::find(entries.begin(), entries.end(), entry) == entries.end()) {
      entries.emplace_back(entry);
    }
  }
  return entries;
}

std::uint64_t parse_size(std::string_view text) {
  const std::size_t count = std::min(
      static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), is_digit) - text.begin()),
      text.size());
  const std::string_view digits = text.substr(0, count);
  const std::string_view suffix = text.substr(count);
  const auto known = std::find(kSuffixes.begin(), kSuffixes.end(), suffix);
  if (digits.empty() || (!suffix.empty() && known == kSuffixes.end())) {
    const std::string meant = meant_size(digits, suffix);
    throw ParseError(in_quotes(text) + " is not a size; " +
                     (meant.empty() ? "write elements as 4096, 64Ki, 16Mi or 1Gi (powers of 1024)"
                                    : "write " + meant + " (powers of 1024)"));
  }
  const int shift = suffix.empty() ? 0 : 10 * (static_cast<int>(known - kSuffixes.begin()) + 1);
  const std::uint64_t value = saturated(digits);
  if (value > kMostElements >> shift) {
    throw ParseError(in_quotes(text) + " is too large; a size is at most " +
                     format_size(kMostElements) + " elements");
  }
  return value << shift;
}

std::vector<std::uint64_t> parse_sizes(std::string_view text) {
  std::vector<std::uint64_t> sizes;
  for (const std::string_view entry : entries_of(text)) {
    const std::size_t dots = entry.find("..");
    if (dots == std::string_view::npos) {
      sizes.push_back(parse_size(entry));
    } else {
      append_size_range(entry, dots, sizes);
    }
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  return sizes;
}

int parse_count(std::string_view text, int least, int most) {
  if (!is_digits(text)) {
    throw ParseError(in_quotes(text) + " is not a whole number; write one from " +
                     std::to_string(least) + " to " + std::to_string(most));
  }
  const std::uint64_t value = saturated(text);
  if (value > static_cast<std::uint64_t>(most) || static_cast<int>(value) < least) {
    throw ParseError(in_quotes(text) + " is out of range; write a whole number from " +
                     std::to_string(least) + " to " + std::to_string(most));
  }
  return static_cast<int>(value);
}

std::vector<int> parse_counts(std::string_view text, int most, int least) {
  std::vector<int> counts;
  // A range of every count up to `most` is the longest list that says anything new.
  std::vector<bool> seen(static_cast<std::size_t>(most) + 1);
  for (const std::string_view entry : entries_of(text)) {
    const std::size_t dots = entry.find("..");
    const int first = parse_count(entry.substr(0, std::min(dots, entry.size())), least, most);
    const int last =
        dots == std::string_view::npos ? first : parse_count(entry.substr(dots + 2), least, most);
    if (first > last) {
      throw ParseError("the range " + in_quotes(entry) + " ends before it starts; write " +
                       std::to_string(last) + ".." + std::to_string(first));
    }
    for (int count = first; count <= last; ++count) seen[static_cast<std::size_t>(count)] = true;
  }
  for (int count = least; count <= most; ++count) {
    if (seen[static_cast<std::size_t>(count)]) counts.push_back(count);
  }
  return counts;
}

double parse_number(std::string_view text, double least, double most) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value, std::chars_format::fixed);
  const bool starts_well = !text.empty() && (is_digit(text[0]) || text[0] == '.');
  const bool all_read = result.ptr == end && result.ec != std::errc::invalid_argument;
  const std::string range = format_decimal(least) + " to " + format_decimal(most);
  if (!starts_well || !all_read) {
    throw ParseError(in_quotes(text) + " is not a number; write one from " + range +
                     " in plain decimals, for example 0.5");
  }
  // result_out_of_range leaves `value` alone and says neither too large nor too small.
  if (result.ec != std::errc{} || !(value >= least && value <= most)) {
    throw ParseError(in_quotes(text) + " is out of range; write a number from " + range);
  }
  return value;
}

std::string format_size(std::uint64_t elements) {
  std::string_view suffix;
  for (const std::string_view next : kSuffixes) {
    if (elements == 0 || elements % 1024 != 0) break;
    elements /= 1024;
    suffix = next;
  }
  return std::to_string(elements) + std::string(suffix);
}

std::string format_number(double number) {
  if (std::isnan(number)) return "nan";  // to_chars would tell the sign of a NaN
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), result.ptr};
}

std::string format_decimal(double number) {
  std::array<char, 512> text{};  // the longest is DBL_MAX with 309 digits
  const auto result =
      std::to_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  return {text.data(), result.ptr};
}

}  // namespace crossover
