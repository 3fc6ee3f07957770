#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "common/element.hpp"
#include "common/random.hpp"

/// What a workload on arrays is written with. A workload is a type of its own, in a file of its
/// own, that says once what is done to one element, for CPU scalars, CPU vector registers and GPU
/// packs alike. It derives from its pattern:
///
///     MapInPlace<k>   y[i] = element(y[i], x[i], ...)    k arrays, the first of which is written
///     MapInto<k>      y[i] = element(x[i], ...)          k arrays, the first of which is written
///     SumOver<k>      the sum of all element(x[i], ...)  k arrays, none of which is written
///
/// and has
///
///     static constexpr std::string_view kName, kSummary
///     template <class V> V element(V...) const             what is done; V is any of the above,
///     with
///                                                          + - * and Lane<V> for constants
///     template <class R> auto reference(std::int64_t operations) const
///                                                          a function of R: what an element of y
///                                                          is after so many operations on the
///                                                          input; of a sum, its term
///
/// and, where the defaults below do not fit, Types, flops(), roundings(),
/// operations_per_input(), input(). docs/own-workload.md shows one.
namespace crossover {

template <class... Ts>
struct TypeList {};

#ifdef CROSSOVER_SANITIZED
// What the sanitizers look for does not depend on more: one of each width and kind. The other two
// would double what they take to build and to run.
using AllTypes = TypeList<float, std::int64_t>;
#else
using AllTypes = TypeList<float, double, std::int32_t, std::int64_t>;
#endif
using FloatTypes = TypeList<float, double>;

namespace detail {
template <class V>
struct LaneOf {
  using type = std::remove_cvref_t<decltype(std::declval<V&>()[0])>;  // of a vector register
};
template <class V>
requires std::is_arithmetic_v<V>
struct LaneOf<V> {
  using type = V;
};
template <class V>
requires requires { typename V::Lane; }
struct LaneOf<V> {
  using type = typename V::Lane;
};
}  // namespace detail

/// The type of one element of `V`: what constants are written in, `Lane<V>(3) * x`.
template <class V>
using Lane = typename detail::LaneOf<V>::type;

enum class Pattern { map_in_place, map_into, sum };

constexpr std::string_view name(Pattern pattern) {
  constexpr std::array<std::string_view, 3> names{"map in place", "map", "sum"};
  return names[static_cast<std::size_t>(pattern)];
}

/// The routine of the BLAS that does the same, as a library's baseline.
struct Blas {
  enum class Call { none, scal, copy, axpy, dot, asum };
  Call call = Call::none;
  double alpha = 1;  ///< of scal and axpy
};

namespace detail {

/// What all patterns have in common, and the defaults.
template <Pattern kPattern_, int kArrays_>
struct ArrayPattern {
  static constexpr Pattern kPattern = kPattern_;
  /// All arrays, the written one included.
  static constexpr int kArrays = kArrays_;
  /// How often an operation moves the bytes of one array, at least: each input read once, the
  /// output written once.
  static constexpr int kPasses = kPattern_ == Pattern::map_in_place ? kArrays_ + 1 : kArrays_;
  static constexpr int kInputs = kPattern_ == Pattern::map_into ? kArrays_ - 1 : kArrays_;

  using Types = AllTypes;
  static constexpr std::string_view kFamily = "";  ///< of workloads that differ by `parameter`
  static constexpr Blas kBlas{};
  /// Whether it is measured when `--workloads` names none.
  static constexpr bool kInPresets = true;
  /// Whether a map's result has no rounding at all: it is then compared bit by bit, in its own
  /// type.
  static constexpr bool kExact = false;
  /// Whether element() is one long chain of operations, each waiting for the one before: executors
  /// then run the chains of several elements side by side.
  static constexpr bool kChained = false;
  /// Arithmetic operations on one element.
  double flops() const { return 1; }
  /// The most roundings, each relative to its result, that one operation makes on an element; 0:
  /// exact. An element of the result is right within operations * roundings() * u of the reference,
  /// u being half a unit in the last place of 1.
  int roundings() const { return 0; }
  /// Operations that one input lasts for, before values grow too large, too small or too inexact.
  template <class T>
  std::int64_t operations_per_input() const {
    return kPattern_ == Pattern::map_in_place ? 30 : std::int64_t{0x7fffffffffffffff};
  }
  /// The bits of an input element, made of random bits. By default floating point is uniform in
  /// [1, 2) with a full random significand, so that every element counts and rounding is as in real
  /// data, and integers are uniform over their whole range.
  template <class T>
  CROSSOVER_HOST_DEVICE constexpr BitsOf<T> input(BitsOf<T> random) const {
    if constexpr (std::is_floating_point_v<T>) {
      // The bits of 1.0: a biased exponent of 127 (f32) or 1023 (f64).
      constexpr BitsOf<T> kOne = BitsOf<T>{sizeof(T) == 4 ? 127 : 1023} << kSignificandBits<T>;
      return (random & ((BitsOf<T>{1} << kSignificandBits<T>)-1)) | kOne;
    } else {
      return random;
    }
  }
};

}  // namespace detail

template <int kArrays = 1>
struct MapInPlace : detail::ArrayPattern<Pattern::map_in_place, kArrays> {
  static_assert(kArrays >= 1 && kArrays <= 3, "MapInPlace takes one to three arrays");
};

template <int kArrays = 2>
struct MapInto : detail::ArrayPattern<Pattern::map_into, kArrays> {
  static_assert(kArrays >= 2 && kArrays <= 3,
                "MapInto takes two or three arrays: the one it writes, which is the first, and one "
                "or two that it reads; to change an array in place, derive from MapInPlace");
};

template <int kArrays = 1>
struct SumOver : detail::ArrayPattern<Pattern::sum, kArrays> {
  static_assert(kArrays >= 1 && kArrays <= 2, "SumOver takes one or two arrays");
  /// The largest term over the mean of all terms, at most: what the bound of a sum's error needs.
  /// Inputs are from [1, 2), and by default a term is one of them, or the product of two.
  static constexpr double kLargestToMean = kArrays == 1 ? 2 / 1.5 : 4 / 2.25;
};

namespace detail {

template <class Workload, class V, class Indices>
struct ElementIs;
template <class Workload, class V, std::size_t... Index>
struct ElementIs<Workload, V, std::index_sequence<Index...>> {
  template <std::size_t>
  using Each = V;
  static constexpr bool takes_values =
      requires(const Workload& work, const Each<Index>&... values) {
    work.element(values...);
  };
  static constexpr bool returns_value =
      !takes_values || requires(const Workload& work, const Each<Index>&... values) {
    { work.element(values...) } -> std::same_as<V>;
  };
  static constexpr bool has_reference =
      requires(const Workload& work, const Each<Index>&... values) {
    { work.template reference<V>(1)(values...) } -> std::convertible_to<V>;
  };
};

}  // namespace detail

/// Refuses, with a sentence each, what is no workload on arrays.
template <class Workload>
constexpr bool check_workload() {
  static_assert(
      requires { Workload::kPattern; },
      "a workload derives from crossover::MapInPlace<k>, crossover::MapInto<k> or "
      "crossover::SumOver<k>");
  static_assert(
      requires(const Workload& work) {
        { work.name() } -> std::convertible_to<std::string>;
      } ||
          requires {
            { Workload::kName } -> std::convertible_to<std::string_view>;
          },
      "a workload has a name: static constexpr std::string_view kName = \"axpy\";");
  static_assert(
      requires {
        { Workload::kSummary } -> std::convertible_to<std::string_view>;
      },
      "a workload says in one line what it does: static constexpr std::string_view kSummary = "
      "\"y[i] = a x[i] + y[i]\";");
  static_assert(std::is_trivially_copyable_v<Workload>,
                "a workload travels to GPUs as it lies in memory: only numbers among its members");
  static_assert(
      std::is_default_constructible_v<Workload> || requires { Workload::family(); },
      "a workload is made without arguments; what it works with are constants in its file");
  static_assert(
      requires(const Workload& work) {
        { work.flops() } -> std::convertible_to<double>;
        { work.roundings() } -> std::convertible_to<int>;
      },
      "flops() and roundings() are functions: double flops() const { return 2; }");
  using Indices = std::make_index_sequence<static_cast<std::size_t>(Workload::kInputs)>;
  using Element = detail::ElementIs<Workload, float, Indices>;
  static_assert(Element::takes_values,
                "element() takes one value, no reference and no pointer, for each array that is "
                "read, and is const: template <class V> V element(V y, V x) const; MapInPlace<k> "
                "reads all of its k arrays, MapInto<k> all but the first, SumOver<k> all");
  static_assert(Element::returns_value,
                "element() returns the new value of one element, V, and nothing else: an operation "
                "writes one array, the first; two arrays in place are two workloads");
  static_assert(detail::ElementIs<Workload, double, Indices>::has_reference,
                "a workload says what is right: template <class R> auto reference(std::int64_t "
                "operations) const returns a function of the inputs, as many as element() takes: "
                "[=](R y, R x) { return y + R(operations) * x; }");
  return true;
}

}  // namespace crossover
