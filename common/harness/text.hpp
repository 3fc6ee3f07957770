#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Text that people read: pieces of messages, and names close to what they typed.
namespace crossover {

/// `text` in single quotes, fit for a message of one line: control characters become '?', and what
/// is longer than `most` bytes ends in "...".
std::string in_quotes(std::string_view text, std::size_t most = 60);

/// "a, b, c"
std::string joined(const std::vector<std::string>& names);

/// The one of `known` that a typing error would turn into `text` (Damerau-Levenshtein distance of
/// at most a third of its length, upper and lower case alike), or empty.
std::string nearest_name(std::string_view text, const std::vector<std::string>& known);

/// "unknown KIND 'text': known are a, b, c; did you mean a?" `shown` is `known` for people, where
/// that is shorter.
std::string unknown_name(std::string_view kind, std::string_view text,
                         const std::vector<std::string>& known,
                         const std::vector<std::string>& shown);

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates).
bool is_utf8(std::string_view text);

}  // namespace crossover
