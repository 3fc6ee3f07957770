#pragma once

// A model for the harness's tests: as fast, as wrong or as unwilling as a test asks for.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/model.hpp"

namespace crossover {

struct FakeBehaviour {
  std::string unavailable;  ///< Model::unavailable()
  std::vector<Variant> variants{
      {"best"}, {"library", Variant::Role::library}, {"step", Variant::Role::step}};
  std::vector<Devices> devices{Devices::cpus()};  ///< Model::workers()
  std::vector<Column> columns;                    ///< Model::columns()
  std::uint64_t host_bytes = 0;
  double ns_per_operation = 1000;  ///< what time() claims, without waiting
  std::int64_t operations_per_input = Operation::kUnlimited;
  std::function<void()> on_prepare = [] {};  ///< may throw
  std::function<void()> on_time = [] {};     ///< may throw
  std::string lost;                          ///< Model::lost()
  std::function<Verdict()> on_verify = [] { return Verdict{0, true, {}}; };
  Observation observed;
  std::string_view memory{};  ///< Offer::memory: each sample leaves something
  std::vector<std::string> (*forms)(const Workload&, ElementType) = nullptr;  ///< Offer::forms
  std::vector<std::string> own_forms;  ///< Operation::own_forms(); "refused" cannot be taken
  /// What time() claims an operation to take in a form, without waiting.
  std::function<double(const Configuration&, std::string_view form)> ns_in_form{};
};

/// What the harness did with it.
struct FakeLog {
  Sweeps sweeps;
  std::vector<std::string> prepared;
  std::vector<std::uint32_t> salts;
  std::int64_t operations = 0;
  int verified = 0;
  int opened = 0;                  ///< before the first sample
  int opened_late = 0;             ///< after it
  std::vector<std::string> forms;  ///< taken, by samples and trials
  int handed_on = 0;               ///< samples that took what one before had left
};

class FakeOperation final : public Operation {
 public:
  FakeOperation(const FakeBehaviour& behaviour, FakeLog& log, Configuration configuration)
      : behaviour_(behaviour), log_(log), configuration_(std::move(configuration)) {}

  void renew(std::uint32_t salt) override {
    log_.salts.push_back(salt);
    left_ = behaviour_.operations_per_input;
  }
  std::int64_t operations_left() const override { return left_; }
  Nanoseconds time(std::int64_t operations) override {
    behaviour_.on_time();
    if (left_ != kUnlimited) left_ -= operations;
    log_.operations += operations;
    const double each = behaviour_.ns_in_form ? behaviour_.ns_in_form(configuration_, form_)
                                              : behaviour_.ns_per_operation;
    return Nanoseconds(each * static_cast<double>(operations));
  }
  std::vector<std::string> own_forms() const override { return behaviour_.own_forms; }
  void take_form(std::string_view form) override {
    if (form == "refused") throw Unavailable("not here");
    form_ = form;
    log_.forms.push_back(form_);
  }
  Observation observe() override { return behaviour_.observed; }
  Verdict verify() override {
    ++log_.verified;
    return behaviour_.on_verify();
  }

 private:
  const FakeBehaviour& behaviour_;
  FakeLog& log_;
  Configuration configuration_;
  std::string form_;
  std::int64_t left_ = 0;
};

class FakeModel final : public Model {
 public:
  explicit FakeModel(std::string model_name, FakeBehaviour how = {})
      : behaviour(std::move(how)), name_(std::move(model_name)) {}

  std::string_view name() const override { return name_; }
  std::string unavailable() const override { return behaviour.unavailable; }
  const std::vector<Offer>& offers() const override {
    // A test may change the variants.
    offers_.clear();
    for (const Workload& workload : workloads()) {
      for (const Variant& variant : behaviour.variants) {
        offers_.push_back(
            {.workload = &workload,
             .variant = variant,
             .make = [this](const auto& what, const auto& where) { return make(what, where); },
             .host_bytes = [this](const Configuration&) { return behaviour.host_bytes; },
             .memory = behaviour.memory,
             .forms = behaviour.forms,
             .own_forms = !behaviour.own_forms.empty()});
      }
    }
    return offers_;
  }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps& sweeps) const override {
    log.sweeps = sweeps;
    std::vector<std::pair<Devices, std::vector<int>>> all;
    for (const Devices& devices : behaviour.devices) all.emplace_back(devices, sweeps.threads);
    return all;
  }
  std::vector<Column> columns() const override { return behaviour.columns; }
  void open(const Devices&) override { ++(log.prepared.empty() ? log.opened : log.opened_late); }
  std::string lost() const override { return behaviour.lost; }

  FakeBehaviour behaviour;
  mutable FakeLog log;

 private:
  struct FakeLeft : Left {};

  std::unique_ptr<Operation> make(const Configuration& what, const Placement& where) const {
    behaviour.on_prepare();
    if (!behaviour.memory.empty()) {
      log.handed_on += where.store->take<FakeLeft>() != nullptr ? 1 : 0;
      where.store->leave(std::make_unique<FakeLeft>());
    }
    log.prepared.push_back(what.name());
    return std::make_unique<FakeOperation>(behaviour, log, what);
  }

  std::string name_;
  mutable std::vector<Offer> offers_;
};

}  // namespace crossover
