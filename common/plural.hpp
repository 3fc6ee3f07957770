#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <type_traits>

namespace crossover {

/// "1 round", "2 rounds", "1.5 rounds".
inline std::string counted(std::string_view number, std::string_view thing,
                           std::string_view plural_ending = "s") {
  return fmt::format("{} {}{}", number, thing, number == "1" ? "" : plural_ending);
}

/// The same of a number; of a fractional one, as it is rounded.
template <class Number>
std::string counted(Number count, std::string_view thing,
                    std::string_view plural_ending = "s") requires std::is_arithmetic_v<Number> {
  return counted(fmt::format("{:.0f}", static_cast<double>(count)), thing, plural_ending);
}

}  // namespace crossover
