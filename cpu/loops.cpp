#include "cpu/loops.hpp"

#include <stdexcept>

#include "common/forms.hpp"
#include "common/workloads/list.hpp"
#include "cpu/vector_loops.hpp"

namespace crossover::cpu {

namespace {
constexpr std::string_view kInBlocks = "-blocks";
}

Loops::Loops(const Workload& workload, ElementType type, std::string_view form) {
  in_blocks = form.ends_with(kInBlocks);
  if (in_blocks) form.remove_suffix(kInBlocks.size());
  with_array_workload(
      workload, type, [&]<class Work, class T>(const Work& its, std::type_identity<T>) {
        work = std::make_shared<const Work>(its);
        real = std::is_floating_point_v<T>;
        bool found = false;
        detail::each_loop_form<Work>([&]<class Form>(Form) {
          if (found || (!form.empty() && form != Form::name())) return;
          found = true;
          if constexpr (Work::kPattern == Pattern::sum) {
            sum_part = &detail::sum_part<Form, Work, T>;
            rounding = detail::kSumRounding<T>;
          } else {
            map_part = &detail::map_part<Form, Work, T>;
          }
        });
        if (!found) {
          throw std::invalid_argument(workload.name + " has no form " + std::string(form));
        }
      });
}

Loops Loops::chosen(const Configuration& configuration, const ChosenForms* forms,
                    std::uint64_t part_bytes) {
  return Loops(*configuration.workload, configuration.type,
               forms == nullptr ? std::string_view() : forms->of(configuration, part_bytes));
}

Loops Loops::chosen(const Configuration& configuration, const ChosenForms* forms) {
  return chosen(configuration, forms, part_bytes(configuration));
}

std::vector<std::string> loop_forms(const Workload& workload, ElementType type) {
  std::vector<std::string> names;
  with_array_workload(workload, type, [&]<class Work, class T>(const Work&, std::type_identity<T>) {
    detail::each_loop_form<Work>([&]<class Form>(Form) { names.push_back(Form::name()); });
  });
  return names;
}

std::vector<std::string> team_forms(const Workload& workload, ElementType type) {
  std::vector<std::string> names = loop_forms(workload, type);
  const std::size_t plain = names.size();
  for (std::size_t i = 0; i < plain; ++i) names.push_back(names[i] + std::string(kInBlocks));
  return names;
}

}  // namespace crossover::cpu
