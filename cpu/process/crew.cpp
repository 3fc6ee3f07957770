#include "cpu/process/crew.hpp"

#include <utility>

#include "cpu/operations.hpp"
#include "cpu/process/child.hpp"
#include "cpu/process/dispatch.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {

namespace {

class PoolCrew final : public Crew {
 public:
  PoolCrew(int workers, const Placement& placement, Perform perform)
      : binding_(placement),
        perform_(std::move(perform)),
        memory_(Dispatch::bytes(workers), SharedMemory::Backing::memory),
        dispatch_(memory_.data(), workers, placement.oversubscribed ? 0 : kSpins) {
    children_.reserve(static_cast<std::size_t>(workers));
    for (int worker = 1; worker < workers; ++worker) {
      children_.emplace_back(worker, placement, [this, worker] { serve(worker); });
    }
  }

  void run(Order order) override {
    dispatch_.run(
        order, [&] { perform_(0, order); },
        [&](std::size_t worker) { children_[worker - 1].check(); });
  }

  std::vector<pid_t> processes() const override {
    std::vector<pid_t> all;
    for (const Child& child : children_) all.push_back(child.pid());
    return all;
  }

 private:
  // As the threads' pool.
  static constexpr int kSpins = 1 << 15;

  void serve(int worker) {
    dispatch_.serve(worker, [this, worker](Order order) {
      perform_(worker, order);
      return true;
    });
  }

  CallerBinding binding_;
  Perform perform_;
  SharedMemory memory_;
  Dispatch dispatch_;
  std::vector<Child> children_;
};

class SpawnCrew final : public Crew {
 public:
  SpawnCrew(int workers, const Placement& placement, Perform perform)
      : binding_(placement),
        placement_(placement),
        perform_(std::move(perform)),
        workers_(workers) {
    children_.reserve(static_cast<std::size_t>(workers));
  }

  void run(Order order) override {
    children_.clear();
    for (int worker = 1; worker < workers_; ++worker) {
      children_.emplace_back(worker, placement_, [&] { perform_(worker, order); });
    }
    perform_(0, order);
    for (Child& child : children_) child.join();
  }

  std::vector<pid_t> processes() const override { return {}; }

 private:
  CallerBinding binding_;
  Placement placement_;
  Perform perform_;
  int workers_;
  std::vector<Child> children_;
};

}  // namespace

std::uint64_t crew_bytes(const Configuration& configuration) {
  // Orders, and sums or the like.
  const std::uint64_t shared = 2 * Buffer::mapped_bytes(1);
  return static_cast<std::uint64_t>(configuration.workers) * kChildBytes + shared;
}

std::unique_ptr<Crew> make_pool(int workers, const Placement& placement, Perform perform) {
  return std::make_unique<PoolCrew>(workers, placement, std::move(perform));
}

std::unique_ptr<Crew> make_spawn(int workers, const Placement& placement, Perform perform) {
  return std::make_unique<SpawnCrew>(workers, placement, std::move(perform));
}

}  // namespace crossover::cpu
