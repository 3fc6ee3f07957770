#include "cpu/costs/switch/switch.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/random.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/crew.hpp"

namespace crossover::cpu {

namespace {

template <class Channel, class Peer>
std::unique_ptr<Operation> between(const Configuration& configuration, Placement pair) {
  try {
    return std::make_unique<SwitchOperation<Channel, Peer>>(configuration, std::move(pair));
  } catch (const std::system_error& error) {
    throw Unavailable(error.what());
  }
}

template <class Channel, class Peer>
void add_offers(std::vector<Offer>& to, std::string_view channel,
                std::uint64_t (*host_bytes)(const Configuration&)) {
  for (const auto& [cores, name] : {std::pair{Cores::one, "1-core"}, {Cores::two, "2-cores"}}) {
    const auto make = [on = cores](const Configuration& configuration, const Placement& placement) {
      return between<Channel, Peer>(configuration, place_pair(placement, on));
    };
    to.push_back({&costs::hand_over(), {fmt::format("{}-{}", channel, name)}, make, host_bytes});
  }
}

template <class Peer>
std::vector<Offer> offers(std::uint64_t (*host_bytes)(const Configuration&)) {
  std::vector<Offer> all;
  add_offers<Futexes, Peer>(all, "futex", host_bytes);
  add_offers<ConditionVariables, Peer>(all, "condition-variable", host_bytes);
  add_offers<Pipes, Peer>(all, "pipe", host_bytes);
  return all;
}

}  // namespace

Placement place_pair(const Placement& placement, Cores cores) {
  const std::vector<int>& cpus = cpus_of(placement);
  const int first = cpus.front();
  if (cores == Cores::one) return {{first, first}, placement.allowed, false};
  const auto second = std::find_if(cpus.begin(), cpus.end(), [=](int cpu) { return cpu != first; });
  if (second == cpus.end()) throw Unavailable("there is no second CPU");
  return {{first, *second}, placement.allowed, false};
}

ThreadPeer::ThreadPeer(const Placement& pair, std::span<const int>, std::function<void()> body,
                       std::function<void()> on_death) {
  try {
    thread_ = std::thread([this, &pair, body = std::move(body), on_death = std::move(on_death)] {
      pid_t task = gettid();
      try {
        bind_worker(pair, 1);
      } catch (const std::runtime_error&) {
        task = -1;
      }
      task_.store(task);
      task_.notify_one();
      if (task < 0) return;
      body();
      on_death();
    });
  } catch (const std::system_error& error) {
    refused("a thread", error.code().value());
  }
  task_.wait(0);
  if (task_ < 0) {
    thread_.join();
    throw Unavailable("the peer could not be bound to its CPU");
  }
}

ProcessPeer::ProcessPeer(const Placement& pair, std::span<const int> files,
                         const std::function<void()>& body, std::function<void()> on_death)
    : process_(1, pair, body, files) {
  try {
    watcher_ = std::thread([this, on_death = std::move(on_death)] {
      process_.await_end();
      on_death();
    });
  } catch (const std::system_error& error) {
    refused("a thread", error.code().value());
  }
}

ProcessPeer::~ProcessPeer() {
  process_.kill();  // it has nothing to put away
  watcher_.join();
}

std::string ProcessPeer::end() {
  try {
    process_.check();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return "the peer process has ended";
}

std::vector<Offer> thread_switch_offers() { return offers<ThreadPeer>(threaded_bytes); }

std::vector<int> paired_cpus(const Topology& topology) {
  std::vector<HardwareThread> cores = topology.threads;
  std::erase_if(cores, [](const HardwareThread& thread) { return thread.smt_rank > 0; });
  std::sort(cores.begin(), cores.end(),
            [](const HardwareThread& a, const HardwareThread& b) { return a.cpu < b.cpu; });
  std::vector<int> paired;
  std::optional<int> sibling;
  const std::size_t count = std::min(cores.size(), kMostPaired);
  for (std::size_t i = 0; i < count; ++i) {
    const HardwareThread& core = cores[i * cores.size() / count];
    paired.push_back(core.cpu);
    for (const HardwareThread& other : topology.threads) {
      if (!sibling && other.core == core.core && other.smt_rank == 1) sibling = other.cpu;
    }
  }
  if (sibling) paired.push_back(*sibling);
  std::sort(paired.begin(), paired.end());
  return paired;
}

std::vector<Offer> core_to_core_offers(const Topology& topology) {
  const std::vector<int> cpus = paired_cpus(topology);
  std::vector<std::pair<int, int>> pairs;
  for (auto first = cpus.begin(); first != cpus.end(); ++first) {
    for (auto second = first + 1; second != cpus.end(); ++second) {
      pairs.emplace_back(*first, *second);
    }
  }
  // There may be time for a part of them only.
  std::sort(pairs.begin(), pairs.end(), [](const auto& a, const auto& b) {
    const auto place = [](const std::pair<int, int>& pair) {
      return mix32(static_cast<std::uint32_t>(pair.first) << 16 ^
                   static_cast<std::uint32_t>(pair.second));
    };
    return place(a) < place(b);
  });
  std::vector<Offer> all;
  const auto add = [&](std::string name, const decltype(Offer::make)& make) {
    Offer& offer = all.emplace_back();
    offer.workload = &costs::core_to_core();
    offer.variant.name = std::move(name);
    offer.make = make;
    offer.host_bytes = threaded_bytes;
  };
  for (const auto& [first, second] : pairs) {
    add(fmt::format("{}-{}", first, second),
        [pair = std::vector{first, second}](const Configuration& configuration,
                                            const Placement& placement) {
          return between<Line, ThreadPeer>(configuration, {pair, placement.allowed, false});
        });
  }
  if (all.empty()) {
    add("pair", [](const Configuration&, const Placement&) -> std::unique_ptr<Operation> {
      throw Unavailable("there is no second CPU");
    });
  }
  return all;
}

std::vector<Offer> process_switch_offers() { return offers<ProcessPeer>(crew_bytes); }

}  // namespace crossover::cpu
