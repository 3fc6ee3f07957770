#pragma once

#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

/// Small readers for the text files of /proc and /sys. What cannot be read is empty, never an
/// error: which of these files exist differs from one kernel, machine and container to the next.
namespace crossover {

inline std::optional<std::string> read_text(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return std::nullopt;
  // Inserting the buffer, unlike iterating over it, does not throw for what opens but refuses to be
  // read (a folder, some files of /sys).
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace(" \t\r\n\0", 5);
  const auto first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// The file's text without surrounding white space; nothing when that leaves nothing.
inline std::optional<std::string> read_word(const std::filesystem::path& path) {
  const auto text = read_text(path);
  if (!text) return std::nullopt;
  const auto word = trimmed(*text);
  if (word.empty()) return std::nullopt;
  return std::string(word);
}

inline std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

/// The words between white space.
inline std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

/// All of `text` as a decimal number, or nothing ("max", "unlimited", overflow).
template <class Number>
std::optional<Number> to_number(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return value;
}

template <class Number>
std::optional<Number> read_number(const std::filesystem::path& path) {
  const auto word = read_word(path);
  return word ? to_number<Number>(*word) : std::nullopt;
}

/// The folder of CPU number `cpu`.
inline std::filesystem::path cpu_folder(const std::filesystem::path& root, int cpu) {
  return root / "sys/devices/system/cpu" / ("cpu" + std::to_string(cpu));
}

/// In MHz, what a file says in kHz.
inline std::optional<double> read_megahertz(const std::filesystem::path& path) {
  const auto kilohertz = read_number<double>(path);
  return kilohertz && *kilohertz > 0 ? std::optional(*kilohertz / 1000) : std::nullopt;
}

/// The rest of the first line that starts with `key` followed by a colon or white space:
/// "MemTotal:  24684084 kB", "inactive_file 0", "model name\t: x".
inline std::optional<std::string> value_of(std::string_view text, std::string_view key) {
  for (auto line : split(text, '\n')) {
    if (!line.starts_with(key)) continue;
    auto rest = line.substr(key.size());
    if (rest.empty() || (rest.front() != ':' && rest.front() != ' ' && rest.front() != '\t')) {
      continue;
    }
    rest = trimmed(rest);
    if (rest.starts_with(':')) rest = trimmed(rest.substr(1));
    return std::string(rest);
  }
  return std::nullopt;
}

/// The number that value_of() begins with: "3 threads" is 3.
template <class Number>
std::optional<Number> number_of(std::string_view text, std::string_view key) {
  const auto fields = words(value_of(text, key).value_or(""));
  return fields.empty() ? std::nullopt : to_number<Number>(fields[0]);
}

/// A value in kB as /proc/meminfo, /proc/self/status and a node's meminfo write it, in bytes.
inline std::optional<std::uint64_t> kilobytes(std::string_view text, std::string_view key) {
  const auto value = number_of<std::uint64_t>(text, key);
  return value ? std::optional(*value * 1024) : std::nullopt;
}

/// A system's list of numbers, "0-3,8", in full; empty when it is not one.
inline std::vector<int> listed_numbers(std::string_view text) {
  std::vector<int> numbers;
  for (const auto part : split(trimmed(text), ',')) {
    const auto dash = part.find('-');
    const auto first = to_number<int>(part.substr(0, dash));
    const auto last =
        dash == std::string_view::npos ? first : to_number<int>(part.substr(dash + 1));
    constexpr int kLargest = 1 << 20;
    if (!first || !last || *first < 0 || *last > kLargest) return {};
    for (int number = *first; number <= *last; ++number) numbers.push_back(number);
  }
  return numbers;
}

}  // namespace crossover
