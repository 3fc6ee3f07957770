#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace crossover {

/// "1 round", "2 rounds"; of a fractional number, as it is rounded.
template <class Number>
std::string counted(Number count, std::string_view thing, std::string_view plural_ending = "s") {
  std::string text = fmt::format("{:.0f}", static_cast<double>(count));
  const std::string_view ending = text == "1" ? "" : plural_ending;
  return fmt::format("{} {}{}", text, thing, ending);
}

}  // namespace crossover
