#include "cpu/costs/chase/chase.hpp"
#include "cpu/costs/count/count.hpp"
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

/// `loop`: one core, no parallelism; what every speed-up is relative to.
class Serial final : public ThreadedModel {
 public:
  Serial()
      : ThreadedModel({form_choosing_offers<Caller>({"loop"}, loop_forms),
                       {count_offer<Caller, steps::Unsynchronised>("loop")},
                       chase_offers()}) {}
  std::string_view name() const override { return "serial"; }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps&) const override {
    return {{Devices::cpus(), {1}}};
  }
};

}  // namespace

std::unique_ptr<Model> make_serial() { return std::make_unique<Serial>(); }

}  // namespace crossover::cpu
