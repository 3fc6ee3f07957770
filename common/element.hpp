#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace crossover {

/// What a workload works on: elements of one of four types, or nothing of the kind (`none`: a
/// worker that is created has no element type).
enum class ElementType { f32, f64, i32, i64, none };

/// The types of `--types`.
inline constexpr std::array kElementTypes{ElementType::f32, ElementType::f64, ElementType::i32,
                                          ElementType::i64};

/// All there are: what a row's type may be.
inline constexpr std::array kRowTypes{ElementType::f32, ElementType::f64, ElementType::i32,
                                      ElementType::i64, ElementType::none};

/// The name on the command line and in the CSV.
constexpr std::string_view name(ElementType type) {
  constexpr std::array<std::string_view, 5> names{"f32", "f64", "i32", "i64", "none"};
  return names[static_cast<std::size_t>(type)];
}

/// Bytes an element takes.
constexpr std::size_t size_of(ElementType type) {
  if (type == ElementType::none) return 0;
  return type == ElementType::f32 || type == ElementType::i32 ? 4 : 8;
}

/// The name of `T`.
template <class T>
constexpr ElementType type_of() {
  if constexpr (std::is_same_v<T, float>) return ElementType::f32;
  if constexpr (std::is_same_v<T, double>) return ElementType::f64;
  return sizeof(T) == 4 ? ElementType::i32 : ElementType::i64;
}

/// The unsigned integer as wide as `T`.
template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// `T`, or for integers the unsigned type of its width: arithmetic that wraps by definition.
template <class T>
using Word = std::conditional_t<std::is_floating_point_v<T>, T, BitsOf<T>>;

/// The next higher precision, for references; an integer's own word, which is exact.
template <class T>
using Wider =
    std::conditional_t<std::is_same_v<T, float>, double,
                       std::conditional_t<std::is_same_v<T, double>, long double, Word<T>>>;

/// What a sum of `T` is handed over as: floating point in double precision (a sum of a billion
/// floats has more digits than a float), integers in their own type, wrapping modulo 2^bits.
template <class T>
using SumOf = std::conditional_t<std::is_floating_point_v<T>, double, T>;

}  // namespace crossover
