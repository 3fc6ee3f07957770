#include "common/harness/output_name.hpp"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <system_error>

#include "common/harness/parse.hpp"
#include "common/harness/record.hpp"
#include "common/harness/text.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

bool is_folder(const std::filesystem::path& path) {
  std::error_code none;
  return !path.has_filename() || std::filesystem::is_directory(path, none);
}

/// Nothing where `word` is none of those that stand for something.
std::optional<std::string> part_of(const NameParts& parts, std::string_view word) {
  if (word == "node") return parts.node;
  if (word == "label") return parts.label;
  if (word == "time") return parts.time;
  return std::nullopt;
}

/// `text` with what its braces mean. Throws ParseError where they mean nothing.
std::string filled(std::string_view text, const NameParts& parts) {
  std::string made;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t open = text.find('{', at);
    made += text.substr(at, open - at);
    if (open == std::string_view::npos) break;
    const std::size_t close = text.find('}', open);
    const std::size_t length = close == std::string_view::npos ? close : close + 1 - open;
    const std::string_view word = text.substr(open, length);
    const auto part = part_of(parts, word.substr(1, word.size() - 2));
    if (!part || close == std::string_view::npos) {
      throw ParseError(in_quotes(word) +
                       " stands for nothing; write {node}, {label} or {time}, for example "
                       "lab/{node}.csv");
    }
    made += *part;
    at = close + 1;
  }
  return made;
}

}  // namespace

NameParts name_parts(const std::string& label) {
  std::string time = utc_now().substr(0, 19);
  std::erase(time, ':');
  const std::string host = host_name();
  return {host.empty() ? "unnamed" : host, label, time + 'Z'};
}

std::filesystem::path parse_output(const std::string& text) {
  std::filesystem::path path = text;
  if (text.empty() || (!is_folder(path) && path.extension() != ".csv")) {
    throw ParseError(in_quotes(text) +
                     " names neither a .csv file nor a folder; write for example "
                     "results/mine.csv, or results/ for a name that is made");
  }
  filled(text, {});
  return path;
}

OutputName output_name(const std::filesystem::path& output, const NameParts& parts) {
  const std::string text = output.string();
  const std::string name = fmt::format("{}-{}.csv", parts.label, parts.time);
  if (output.empty()) return {std::filesystem::path("results") / name, true};
  const std::filesystem::path path = filled(text, parts);
  if (is_folder(output)) return {path / name, true};
  return {path, path != output};
}

}  // namespace crossover
