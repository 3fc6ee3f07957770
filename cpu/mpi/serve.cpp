#include <algorithm>
#include <exception>
#include <new>

#include "common/topology.hpp"
#include "cpu/mpi/link.hpp"
#include "cpu/mpi/part.hpp"

namespace crossover::cpu::mpi {

namespace {

/// Binds this rank as a worker of the task and returns the CPUs that it has.
std::vector<int> bind_for(const Task& task, const Ranks& ranks) {
  bind_this_thread(ranks.allowed());
  if (!task.pinned) return ranks.allowed();
  int cpu = task.cpu;
  if (cpu < 0) {
    // Another machine than rank 0's: as if its ranks were all there are.
    const std::vector<int> here =
        task.peer < 0 ? ranks.here(task.workers) : std::vector{ranks.rank()};
    const auto place = std::find(here.begin(), here.end(), ranks.rank()) - here.begin();
    cpu = detect_topology()
              .place(static_cast<int>(here.size()), Pin::cores)
              .cpus[static_cast<std::size_t>(place)];
  }
  bind_this_thread(cpu);
  return {cpu};
}

/// Does `work` and answers how it went.
template <class Work>
void answer(Ranks& ranks, Work&& work) {
  Reply reply;
  try {
    work(reply);
  } catch (const std::bad_alloc&) {
    reply.outcome = Reply::Outcome::no_memory;
  } catch (const std::exception& error) {
    reply.outcome = Reply::Outcome::failed;
    reply.reason = ShortText(error.what());
  }
  ranks.reply(reply);
}

}  // namespace

std::unique_ptr<Part> make_part(Ranks& ranks, const Task& task, const std::vector<int>& allowed) {
  if (task.peer >= 0) return std::make_unique<LinkPart>(ranks, task);
  return std::make_unique<ArrayPart>(task, ranks.first(task.workers), ranks.rank(), allowed);
}

void serve(Ranks& ranks, const MakePart& make) {
  std::unique_ptr<Part> part;
  for (;;) {
    const Order order = ranks.await_order();
    switch (order.kind) {
      case Order::Kind::prepare:
        // All of them call this, whatever becomes of their part.
        if (order.task.peer < 0) ranks.first(order.task.workers);
        answer(ranks, [&](Reply&) { part = make(ranks, order.task, bind_for(order.task, ranks)); });
        break;
      case Order::Kind::renew:
        part->renew(order.salt);
        break;
      case Order::Kind::run:
        part->time(order.operations);
        break;
      case Order::Kind::verify:
        answer(ranks, [&](Reply& reply) { reply.report = part->report(); });
        break;
      case Order::Kind::release:
        answer(ranks, [&](Reply&) {
          part.reset();
          bind_this_thread(ranks.allowed());
        });
        break;
      case Order::Kind::quit:
        return;
    }
  }
}

}  // namespace crossover::cpu::mpi
