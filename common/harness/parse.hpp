#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

/// The little languages of the command line. Every function throws ParseError with one line that
/// says what is wrong and what would be right.
namespace crossover {

class ParseError : public std::invalid_argument {
  using std::invalid_argument::invalid_argument;
};

/// The most elements a size may name: 2^48, more than the address space of x86-64 has bytes for.
inline constexpr std::uint64_t kMostElements = std::uint64_t{1} << 48;

/// `a,b,c`: no entry may be empty, duplicates are dropped, order is kept.
std::vector<std::string> parse_list(std::string_view text);

/// `4096`, `64Ki`, `16Mi`, `1Gi`, `2Ti`: elements, powers of 1024, at most kMostElements.
std::uint64_t parse_size(std::string_view text);

/// A list of sizes and ranges, `1Ki,4Ki..256Ki,1Mi..64Mi:x4`: a range multiplies by 2, or by the
/// factor behind `:x`, from the first size while not above the last. Ascending, without duplicates.
/// A size may be 0; a range may not start there.
std::vector<std::uint64_t> parse_sizes(std::string_view text);

/// A list of counts and ranges, `1,2,4` or `1..16` (every count), each from `least` to `most`.
/// Ascending, without duplicates.
std::vector<int> parse_counts(std::string_view text, int most, int least = 1);

/// A whole number without sign, from `least` to `most`.
int parse_count(std::string_view text, int least, int most);

/// A number without sign, exponent or rest, from `least` to `most`.
double parse_number(std::string_view text, double least, double most);

/// 1024 -> "1Ki", 1000 -> "1000": the shortest form that parse_size reads back as the same.
std::string format_size(std::uint64_t elements);

/// The shortest decimal form that reads back as the same, in the C locale whatever the process's:
/// 0.1 -> "0.1", 1e9 -> "1e+09"; "nan", "inf", "-inf".
std::string format_number(double number);

/// As format_number, but without an exponent: 1e7 -> "10000000".
std::string format_decimal(double number);

}  // namespace crossover
