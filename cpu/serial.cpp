#include "cpu/count.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

/// One worker, who is the caller.
class Caller {
 public:
  Caller(int, const Placement& placement) : binding_(placement) {}

  template <class Body>
  void run(Body&& body) {
    body(0);
  }

 private:
  CallerBinding binding_;
};

class Serial final : public ThreadedModel {
 public:
  std::string_view name() const override { return "serial"; }
  std::vector<Variant> variants(const Workload& workload, ElementType) const override {
    if (workload.moves_data() || workload.name == "count") return {{"loop"}};
    return {};
  }
  std::vector<std::pair<std::string, std::vector<int>>> workers(const Sweeps&) const override {
    return {{"cpu", {1}}};
  }
  std::unique_ptr<Operation> prepare(const Configuration& configuration,
                                     const Placement& placement) override {
    if (configuration.workload->name == "count") {
      return std::make_unique<CountOperation<Caller, steps::Unsynchronised>>(configuration,
                                                                             placement);
    }
    return make_operation<Caller>(configuration, placement);
  }
};

}  // namespace

std::unique_ptr<Model> make_serial() { return std::make_unique<Serial>(); }

}  // namespace crossover::cpu
