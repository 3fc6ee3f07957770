#include <future>

#include "cpu/models.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

namespace {

/// A std::async for each worker but the caller.
class Tasks {
 public:
  Tasks(int workers, const Placement& placement)
      : binding_(placement), placement_(placement), workers_(workers) {}

  template <class Body>
  void run(Body&& body) {
    std::vector<std::future<void>> others;
    for (int worker = 1; worker < workers_; ++worker) {
      others.push_back(std::async(std::launch::async, [this, &body, worker] {
        bind_worker(placement_, worker);
        body(worker);
      }));
    }
    body(0);
    for (std::future<void>& other : others) other.get();
  }

 private:
  CallerBinding binding_;
  Placement placement_;
  int workers_;
};

class Async final : public ThreadedModel {
 public:
  Async() : ThreadedModel({array_offers<Tasks>({"async"})}) {}
  std::string_view name() const override { return "async"; }
};

}  // namespace

std::unique_ptr<Model> make_async() { return std::make_unique<Async>(); }

}  // namespace crossover::cpu
