#include "cpu/costs/create/create.hpp"

#include "common/plural.hpp"

namespace crossover::cpu {

void join_threads(std::vector<std::thread>& threads) {
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

IdleThreads::IdleThreads(int count) : awake_(count) {
  threads_.reserve(static_cast<std::size_t>(count));
  const auto idle = [this](int) {
    awake_.count_down();
    over_.wait();
  };
  start_threads(threads_, 0, count, idle, [this] { over_.count_down(); });
  awake_.wait();  // until each has touched its stack
}

IdleThreads::~IdleThreads() {
  over_.count_down();
  join_threads(threads_);
}

std::deque<IdleThreads> take_left_over_stacks() {
  constexpr int kMost = static_cast<int>(kTaskMargin) / 2;
  std::deque<IdleThreads> threads;
  for (int i = 0; i < kMost; ++i) {
    const auto grown = memory_of_each(1, [&] { threads.emplace_back(1); });
    if (!grown || (grown->proportional > 0 && grown->reserved > 0)) break;
  }
  return threads;
}

Create::Create(const Configuration& configuration, TaskKind kind)
    : workers_(static_cast<std::uint64_t>(configuration.workers)),
      rounds_(configuration.elements / workers_) {
  if (configuration.elements % workers_ != 0) {
    throw Unavailable(fmt::format("{} at a time do not make {} in all", counted(workers_, "worker"),
                                  configuration.elements));
  }
  require_room_for_tasks(kind, workers_);
}

Observation Create::observe() {
  Observation seen;
  if (memory_) {
    seen.values = {{kMemoryColumns[0].name, memory_->proportional},
                   {kMemoryColumns[1].name, memory_->resident},
                   {kMemoryColumns[2].name, memory_->reserved}};
  }
  return seen;
}

void Create::run() {
  for (std::uint64_t round = 0; round < rounds_; ++round) come();
}

}  // namespace crossover::cpu
