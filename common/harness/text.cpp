#include "common/harness/text.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <nlohmann/json.hpp>

namespace crossover {
namespace {

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

/// Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const bool same = lower(a[i - 1]) == lower(b[j - 1]);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
          lower(a[i - 2]) == lower(b[j - 1])) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

}  // namespace

std::string in_quotes(std::string_view text, std::size_t most) {
  std::size_t length = text.size();
  if (length > most) {
    length = most - 3;
    while (length > 0 && is_continuation(text[length])) --length;
  }
  std::string result = "'";
  for (const char c : text.substr(0, length)) {
    const auto code = static_cast<unsigned char>(c);
    result += code < 0x20 || code == 0x7F ? '?' : c;
  }
  if (length < text.size()) result += "...";
  return result + "'";
}

std::string joined(const std::vector<std::string>& names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string nearest_name(std::string_view text, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t least = 0;
  for (const std::string& name : known) {
    const std::size_t allowed = std::max<std::size_t>(1, name.size() / 3);
    if (text.size() > name.size() + allowed || name.size() > text.size() + allowed) continue;
    const std::size_t distance = edit_distance(text, name);
    if (distance > allowed || distance >= name.size()) continue;
    if (nearest.empty() || distance < least) {
      nearest = name;
      least = distance;
    }
  }
  return nearest;
}

std::string unknown_name(std::string_view kind, std::string_view text,
                         const std::vector<std::string>& known,
                         const std::vector<std::string>& shown) {
  const std::string nearest = nearest_name(text, known);
  return fmt::format("unknown {} {}: known are {}{}", kind, in_quotes(text), joined(shown),
                     nearest.empty() ? "" : "; did you mean " + nearest + "?");
}

bool is_utf8(std::string_view text) {
  try {
    nlohmann::json(text).dump();
    return true;
  } catch (const nlohmann::json::type_error&) {
    return false;
  }
}

}  // namespace crossover
