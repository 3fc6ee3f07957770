#include "cpu/costs/create/create.hpp"

namespace crossover::cpu {

void no_thread(int worker, const std::system_error& error) {
  throw Unavailable(
      fmt::format("the system refused thread {}: {}", worker, error.code().message()));
}

IdleThreads::IdleThreads(int count) {
  threads_.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    try {
      threads_.emplace_back([this] {
        awake_.fetch_add(1, std::memory_order_relaxed);
        awake_.notify_one();
        over_.wait(false, std::memory_order_relaxed);
      });
    } catch (const std::system_error& error) {
      end();
      no_thread(i, error);
    }
  }
  // Until each has touched its stack.
  for (std::uint32_t seen = 0; seen < static_cast<std::uint32_t>(count);) {
    awake_.wait(seen, std::memory_order_relaxed);
    seen = awake_.load(std::memory_order_relaxed);
  }
}

IdleThreads::~IdleThreads() { end(); }

void IdleThreads::end() {
  over_.store(true, std::memory_order_relaxed);
  over_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

LeftOverStacks::LeftOverStacks() {
  for (int i = 0; i < kMost; ++i) {
    const auto grown = bytes_of_each(1, [this] { threads_.emplace_back(1); });
    if (!grown || *grown > 0) return;
  }
}

}  // namespace crossover::cpu
