#include "common/workloads/reference.hpp"

#include <algorithm>
#include <cmath>

#include "common/workloads/list.hpp"
#include "common/workloads/typed_reference.hpp"

namespace crossover {

double sum_error_bound(ElementType type, std::uint64_t elements, Rounding rounding,
                       double largest_to_mean) {
  if (type == ElementType::i32 || type == ElementType::i64 || elements <= 1) return 0;
  constexpr double kLambda = 7;
  const auto n = static_cast<double>(elements);
  // Where so few are added that their sum is not close to n times the mean, the certain bound is
  // the smaller one.
  const auto bound = [&](double unit, double chain, double span) {
    chain = std::min(chain, n - 1);
    span = std::min(span, n);
    const double certain = chain * unit / (1 - chain * unit);
    const double probable = kLambda * unit * std::sqrt(chain * span * largest_to_mean / n);
    return chain * unit < 0.5 ? std::min(certain, probable) : probable;
  };
  const double unit = type == ElementType::f32 ? 0x1p-24 : 0x1p-53;
  return bound(unit, static_cast<double>(rounding.chain), static_cast<double>(rounding.span)) +
         bound(0x1p-53, n, n);
}

std::unique_ptr<Reference> make_reference(const Workload& workload, ElementType type) {
  std::unique_ptr<Reference> made;
  with_array_workload(workload, type,
                      [&]<class Work, class T>(const Work& work, std::type_identity<T>) {
                        made = std::make_unique<TypedReference<Work, T>>(work);
                      });
  return made;
}

}  // namespace crossover
