#include "common/harness/form_search.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "common/harness/form_trial.hpp"
#include "common/harness/text.hpp"
#include "common/limits.hpp"

namespace crossover {
namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kAny = std::numeric_limits<std::uint64_t>::max();
constexpr double kMostSearchSeconds = 3;  // for a workload in a type
constexpr std::uint64_t kLargestTried = std::uint64_t{512} << 20;

/// Sizes of a worker's part between which no cache's end lies.
struct Range {
  std::uint64_t up_to = kAny;
  std::uint64_t middle = kAny;
  bool own_cache = false;
};

std::array<Range, 4> ranges_of(const CoreCaches& caches) {
  return {{{caches.first, caches.first / 2, true},
           {caches.second, caches.second / 2, true},
           {16 * caches.second, 4 * caches.second, false},
           {kAny, kAny, false}}};
}

/// A workload in a type, and the largest part that the plan has of it in each range, by whether one
/// worker is at work or several.
struct Question {
  const Workload* workload = nullptr;
  ElementType type = ElementType::f32;
  std::array<std::array<std::uint64_t, 4>, 2> largest{};
  int most_workers = 1;
};

std::vector<Question> questions_of(const std::vector<Planned>& plan,
                                   const std::array<Range, 4>& ranges) {
  std::vector<Question> questions;
  for (const Planned& planned : plan) {
    const Configuration& what = planned.configuration;
    if (planned.model == nullptr || !planned.skip.empty() || !what.workload->on_arrays() ||
        !what.device.is_cpus() || what.elements == 0 || planned.placement.oversubscribed) {
      continue;
    }
    auto found = std::find_if(questions.begin(), questions.end(), [&](const Question& question) {
      return question.workload == what.workload && question.type == what.type;
    });
    if (found == questions.end()) {
      found = questions.insert(found, {what.workload, what.type});
    }
    Configuration warm = what;
    warm.cache = Cache::warm;
    const auto range = std::find_if(ranges.begin(), ranges.end(), [&](const Range& one) {
      return part_bytes(what) <= one.up_to;
    });
    auto& largest =
        found->largest[what.workers > 1][static_cast<std::size_t>(range - ranges.begin())];
    largest = std::max(largest, part_bytes(warm));
    found->most_workers = std::max(found->most_workers, what.workers);
  }
  return questions;
}

/// Who tries the forms, by one worker or several.
struct Trier {
  Model* model = nullptr;
  const Offer* offer = nullptr;
};

std::optional<Trier> trier_of(std::span<const std::unique_ptr<Model>> models,
                              const Question& question, int workers) {
  Sweeps sweeps;
  sweeps.threads = {workers};
  for (const auto& model : models) {
    if (!model->unavailable().empty()) continue;
    for (const Offer& offer : model->offers()) {
      if (offer.workload != question.workload || offer.forms == nullptr) continue;
      for (const auto& [device, counts] : model->workers(sweeps)) {
        const bool has = std::find(counts.begin(), counts.end(), workers) != counts.end();
        if (device.is_cpus() && has) return Trier{model.get(), &offer};
      }
    }
  }
  return std::nullopt;
}

/// Those that one worker or several, so many, can take.
std::vector<std::string> forms_of(std::span<const std::unique_ptr<Model>> models,
                                  const Question& question, int workers) {
  const std::optional<Trier> trier = trier_of(models, question, workers);
  if (!trier) return {};
  return trier->offer->forms(*question.workload, question.type);
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Json describe(const ChosenForms::Choice& choice) {
  return {{"workload", choice.workload->name},
          {"type", name(choice.type)},
          {"workers", choice.several ? "several" : "one"},
          {"up_to_bytes", choice.up_to == kAny ? Json() : Json(choice.up_to)},
          {"form", choice.form}};
}

class Search {
 public:
  explicit Search(const FormSearch& search) : search_(search), ranges_(ranges_of(search.caches)) {}

  FoundForms go() {
    found_.description = Json::array();
    const std::vector<Question> questions = questions_of(search_.plan, ranges_);
    refuse_unknown(questions);
    const std::vector<std::vector<const Planned*>> with_own = with_own_forms();
    const double end_s = now_s() + search_.seconds;
    std::size_t left = questions.size() + with_own.size();
    for (const Question& question : questions) {
      if (contains(all_forms(question), search_.fixed)) {
        for (const bool several : {false, true}) {
          add({question.workload, question.type, several, kAny, search_.fixed}, {{"fixed", true}});
        }
      } else {
        answer(question,
               std::min(kMostSearchSeconds, (end_s - now_s()) / static_cast<double>(left)));
      }
      --left;
    }
    for (const std::vector<const Planned*>& some : with_own) {
      try_own(some, std::min(kMostSearchSeconds, (end_s - now_s()) / static_cast<double>(left--)));
    }
    return std::move(found_);
  }

 private:
  static double now_s() {
    return std::chrono::duration<double>(Clock::now().time_since_epoch()).count();
  }

  /// Configurations whose forms are their own, by workload, type and device.
  std::vector<std::vector<const Planned*>> with_own_forms() const {
    std::vector<std::vector<const Planned*>> groups;
    for (const Planned& planned : search_.plan) {
      const Configuration& what = planned.configuration;
      if (planned.model == nullptr || !planned.skip.empty() || what.elements == 0 ||
          !planned.model->offer(what).own_forms) {
        continue;
      }
      const auto same = [&](const std::vector<const Planned*>& group) {
        const Configuration& first = group.front()->configuration;
        return first.workload == what.workload && first.type == what.type &&
               first.device == what.device;
      };
      const auto found = std::find_if(groups.begin(), groups.end(), same);
      if (found == groups.end()) {
        groups.push_back({&planned});
      } else {
        found->push_back(&planned);
      }
    }
    return groups;
  }

  /// The largest first.
  void try_own(std::vector<const Planned*> all, double seconds) {
    std::stable_sort(all.begin(), all.end(), [](const Planned* a, const Planned* b) {
      return a->configuration.elements > b->configuration.elements;
    });
    const auto end = after(seconds);
    for (const Planned* planned : all) {
      if (search_.interrupted || Clock::now() >= end) return;
      const Configuration& what = planned->configuration;
      std::vector<Tried> tried;
      try {
        const auto operation = planned->model->prepare(what, planned->placement);
        const std::vector<std::string> forms = operation->own_forms();
        if (forms.size() < 2) continue;
        tried = try_forms(*operation, forms, end, search_.interrupted);
      } catch (const std::exception&) {
        continue;  // no room: the sample will say so
      }
      if (tried.empty()) continue;
      const std::string form = best_form(tried);
      Json entry{{"configuration", what.name()}, {"device", what.device.name()}, {"form", form}};
      entry.update(describe_trial(tried, what, form));
      found_.description.push_back(std::move(entry));
      found_.forms.add_own(what.name(), what.device.name(), form);
    }
  }

  static Clock::time_point after(double seconds) {
    return Clock::now() +
           std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  }

  std::vector<std::string> all_forms(const Question& question) const {
    std::vector<std::string> all = forms_of(search_.models, question, 1);
    for (std::string& form : forms_of(search_.models, question, question.most_workers)) {
      if (!contains(all, form)) all.push_back(std::move(form));
    }
    return all;
  }

  void refuse_unknown(const std::vector<Question>& questions) const {
    if (search_.fixed.empty()) return;
    std::vector<std::string> known;
    for (const Question& question : questions) {
      for (const std::string& form : all_forms(question)) {
        if (form == search_.fixed) return;
        if (!contains(known, form)) known.push_back(form);
      }
    }
    throw PlanError("--form: " + (known.empty()
                                      ? "nothing that would run has forms to choose from"
                                      : unknown_name("form", search_.fixed, known, known)));
  }

  void answer(const Question& question, double seconds) {
    const double end_s = now_s() + seconds;
    std::vector<std::pair<ChosenForms::Choice, Json>> found;
    each_try(question, [&](const Range& range, bool several, std::uint64_t part) {
      // What is small is quick: it has enough in what is left.
      const double share = (end_s - now_s()) / 2;
      if (search_.interrupted || share <= 0) return;
      Configuration what;
      what.workload = question.workload;
      what.type = question.type;
      what.workers = several ? question.most_workers : 1;
      what.elements = part * static_cast<std::uint64_t>(what.workers) / size_of(question.type) /
                      static_cast<std::uint64_t>(question.workload->arrays);
      const std::vector<Tried> tried = tried_in(question, what, share);
      if (tried.empty()) return;
      const std::string form = best_form(tried);
      Json how{{"workers_tried", what.workers}, {"bytes_tried", part_bytes(what)}};
      how.update(describe_trial(tried, what, form));
      for (const bool for_several : {true, false}) {
        if (!range.own_cache && for_several != several) continue;
        found.push_back({{question.workload, question.type, for_several, range.up_to, form}, how});
      }
    });
    std::reverse(found.begin(), found.end());
    for (auto& [choice, how] : found) add(std::move(choice), how);
  }

  /// Calls `visit(range, several, bytes of a part)` for what is to be tried, the largest, which
  /// matters most, first.
  template <class Visit>
  void each_try(const Question& question, Visit&& visit) const {
    const std::uint64_t room = std::min(kLargestTried, available_memory() / 4);
    for (std::size_t i = ranges_.size(); i-- > 0;) {
      const Range& range = ranges_[i];
      for (const bool several : {true, false}) {
        std::uint64_t largest = question.largest[several][i];
        // A core's own caches serve one worker as they serve several.
        if (range.own_cache)
          largest = several ? 0 : std::max(question.largest[0][i], question.largest[1][i]);
        const auto workers = static_cast<std::uint64_t>(several ? question.most_workers : 1);
        if (largest > 0) visit(range, several, std::min({largest, range.middle, room / workers}));
      }
    }
  }

  std::vector<Tried> tried_in(const Question& question, Configuration& what, double seconds) const {
    const std::optional<Trier> trier = trier_of(search_.models, question, what.workers);
    if (!trier || what.elements == 0) return {};
    const std::vector<std::string> forms = trier->offer->forms(*question.workload, question.type);
    if (forms.size() < 2) return {};
    what.model = trier->model->name();
    what.variant = trier->offer->variant.name;
    const auto end = after(seconds);
    try {
      const auto operation =
          trier->model->prepare(what, search_.topology.place(what.workers, search_.pin));
      return try_forms(*operation, forms, end, search_.interrupted);
    } catch (const std::exception&) {
      return {};  // no room, no threads: the samples will say so
    }
  }

  void add(ChosenForms::Choice choice, const Json& how) {
    Json entry = describe(choice);
    entry.update(how);
    found_.description.push_back(std::move(entry));
    found_.forms.add(std::move(choice));
  }

  const FormSearch& search_;
  std::array<Range, 4> ranges_;
  FoundForms found_;
};

}  // namespace

CoreCaches core_caches(const Json& machine) {
  CoreCaches found;
  const auto number = [](const Json& object, const char* key) -> std::uint64_t {
    const auto at = object.find(key);
    return at != object.end() && at->is_number_unsigned() ? at->get<std::uint64_t>() : 0;
  };
  const Json& cpu = machine.at("cpu");
  const std::uint64_t cores = number(cpu, "cores");
  const std::uint64_t siblings =
      cores == 0 ? 1 : std::max<std::uint64_t>(1, number(cpu, "threads") / cores);
  for (const Json& cache : cpu.at("caches")) {
    const std::uint64_t sharing = std::max<std::uint64_t>(1, number(cache, "shared_by") / siblings);
    const std::uint64_t bytes = number(cache, "bytes") / sharing;
    if (bytes == 0 || cache.at("type") == "instruction") continue;
    if (number(cache, "level") == 1) found.first = bytes;
    if (number(cache, "level") == 2) found.second = bytes;
  }
  found.second = std::max(found.second, 2 * found.first);
  return found;
}

FoundForms find_forms(const FormSearch& search) { return Search(search).go(); }

ChosenForms recorded_forms(const Json& record, std::span<const std::unique_ptr<Model>> models) {
  ChosenForms forms;
  const auto list = record.find("forms");
  if (list == record.end() || !list->is_array()) return forms;
  for (const Json& entry : *list) {
    try {
      if (entry.contains("configuration")) {
        forms.add_own(entry.at("configuration"), entry.at("device"), entry.at("form"));
        continue;
      }
      const std::string type = entry.at("type");
      const auto known = std::find_if(kElementTypes.begin(), kElementTypes.end(),
                                      [&](ElementType one) { return name(one) == type; });
      Question question{find_workload(entry.at("workload").get<std::string>())};
      if (known == kElementTypes.end() || question.workload == nullptr) continue;
      question.type = *known;
      const std::string form = entry.at("form");
      const bool several = entry.at("workers") == "several";
      if (!contains(forms_of(models, question, several ? 2 : 1), form)) continue;
      const Json& up_to = entry.at("up_to_bytes");
      forms.add({question.workload, question.type, several,
                 up_to.is_null() ? kAny : up_to.get<std::uint64_t>(), form});
    } catch (const Json::exception&) {
      continue;
    }
  }
  return forms;
}

}  // namespace crossover
