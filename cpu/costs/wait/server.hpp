#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "common/descriptor.hpp"
#include "common/histogram.hpp"
#include "common/model.hpp"
#include "cpu/costs/tail.hpp"
#include "cpu/costs/wait/mixed.hpp"
#include "cpu/costs/wait/tasks.hpp"
#include "cpu/operations.hpp"

/// The server variants of the workload `wait`: requests over TCP on the loopback, a message of 16
/// bytes there and one back, on connections that stay. The workers are the server's threads; one
/// thread more, which may run on every allowed CPU, is all the clients.
///
/// `server` is a pool that shares the connections: whoever is free takes the next request. With one
/// worker it is the server with one thread. `server-per-connection` has a thread for each, so that
/// a connection is a worker. Both get fast requests, which are answered at once, beside slow ones,
/// which wait as for a disk or a database: they use no CPU. They arrive by the clock, as in
/// mixed.hpp, and a fast one's time counts from when it was due. `server-echo` is the pool with
/// fast requests alone, as many at a time as there are connections: what it can do.
namespace crossover::cpu {

enum class ServerKind { pool, per_connection, echo };

namespace serving {

inline constexpr Instant kInterval = 250'000;
/// One of so many requests is slow, the first of each period.
inline constexpr std::uint64_t kPeriod = 120;
inline constexpr Instant kSlow = 15'000'000;
/// In a sample at least: 238 fast requests, whose 99th percentile is the third longest.
inline constexpr std::uint64_t kLeastPeriods = 2;
/// Of a pool. While one thread serves a slow request, 60 others are due.
inline constexpr int kConnections = 64;
inline constexpr int kEchoConnections = 16;

/// A request's `value` is for how long it waits, in ns; a reply's is its answer.
struct Message {
  std::uint64_t number = 0;
  std::uint64_t value = 0;
};

using Answer = std::uint64_t (*)(std::uint64_t number);

/// The right one.
std::uint64_t answer(std::uint64_t number);

/// TCP connections over the loopback, both of their ends. Throws Unavailable.
struct Connections {
  explicit Connections(int count);
  std::vector<Descriptor> clients;
  std::vector<Descriptor> server;
};

/// The server's ends, and who looks after which.
class Server {
 public:
  /// Throws Unavailable.
  Server(const Connections& connections, ServerKind kind, int workers, Answer answer);

  /// What worker `worker` does until end() is called; it closes a connection that fails.
  void serve(int worker) const;
  /// For all workers, of whom none has begun again before all have ended.
  void end() const;
  void begin_again() const;

 private:
  bool shared_;
  Answer answer_;
  Descriptor over_;               // an eventfd: readable when all is over
  std::vector<Descriptor> sets_;  // epoll's: one, or one a worker
};

/// All of the clients.
class Clients {
 public:
  Clients(const Connections& connections, ServerKind kind);

  /// Sends `count` requests and waits for the replies. Returns the time from when the first was due
  /// to the last reply. Throws std::runtime_error when a connection fails or the server is silent
  /// for kPatience.
  Instant run(std::uint64_t count);

  std::uint64_t asked = 0;
  std::uint64_t wrong = 0;        ///< replies that are not the right ones
  std::vector<Sojourn> sojourns;  ///< of the requests since it was cleared

 private:
  static constexpr int kPatienceMs = 10'000;
  struct Line {
    int end = -1;
    std::uint64_t number = 0;
    Instant due = 0;
    bool slow = false;
  };
  void send(Line& line, std::uint64_t index, Instant due);
  void receive(Line& line);
  void wait(Instant until);

  bool by_the_clock_;
  Descriptor set_;
  std::vector<Line> lines_;
  std::vector<Line*> idle_;
};

}  // namespace serving

/// `elements` requests an operation, answered by a `Team` (cpu/operations.hpp) of threads.
template <class Team>
class ServerOperation final : public Operation {
 public:
  ServerOperation(const Configuration& configuration, const Placement& placement, ServerKind kind,
                  serving::Answer answer = serving::answer)
      : elements_(configuration.elements),
        by_the_clock_(kind != ServerKind::echo),
        anywhere_{{}, placement.allowed, false},
        connections_(connections(kind, configuration.workers)),
        server_(connections_, kind, configuration.workers, answer),
        clients_(connections_, kind),
        team_(configuration.workers, placement) {}

  void renew(std::uint32_t) override {
    clients_.asked = 0;
    clients_.wrong = 0;
    clients_.sojourns.clear();
  }

  /// Of so many operations, out of at least kLeastPeriods of requests: fewer would have no tail.
  Nanoseconds time(std::int64_t operations) override {
    const std::uint64_t asked = static_cast<std::uint64_t>(operations) * elements_;
    if (asked == 0) return Nanoseconds(0);
    std::uint64_t count = asked;
    if (by_the_clock_) count = std::max(count, serving::kLeastPeriods * serving::kPeriod);
    const auto took = static_cast<double>(exchange(count));
    return Nanoseconds(took * static_cast<double>(asked) / static_cast<double>(count));
  }

  Verdict verify() override {
    if (clients_.wrong == 0) return {0, true, {}};
    return {static_cast<double>(clients_.wrong) / static_cast<double>(clients_.asked), false,
            fmt::format("{} of {} replies are wrong", clients_.wrong, clients_.asked)};
  }

  /// Of the fast requests since the last look.
  Observation observe() override {
    Observation seen;
    if (by_the_clock_) seen = observe_fast(clients_.sojourns);
    Histogram fast;
    for (const Sojourn& one : clients_.sojourns) {
      if (!one.slow) fast.add(static_cast<std::uint64_t>(one.time));
    }
    add_tail(seen, fast);
    clients_.sojourns.clear();
    return seen;
  }

 private:
  static int connections(ServerKind kind, int workers) {
    if (kind == ServerKind::per_connection) return workers;
    return kind == ServerKind::echo ? serving::kEchoConnections : serving::kConnections;
  }

  Instant exchange(std::uint64_t count) {
    Instant took = 0;
    std::exception_ptr failure;
    std::thread clients;
    try {
      clients = std::thread([&] {
        try {
          const CallerBinding binding(anywhere_, CallerBinding::To::all);
          took = clients_.run(count);
        } catch (...) {
          failure = std::current_exception();
        }
        server_.end();
      });
    } catch (const std::system_error& error) {
      refused("a thread", error.code().value());
    }
    team_.run([this](int worker) { server_.serve(worker); });
    clients.join();
    server_.begin_again();
    if (failure) std::rethrow_exception(failure);
    return took;
  }

  std::uint64_t elements_;
  bool by_the_clock_;
  Placement anywhere_;
  serving::Connections connections_;
  serving::Server server_;
  serving::Clients clients_;
  Team team_;
};

/// On a `Team` of threads. Steps, which `--variants all` and `--preset lesson` measure.
template <class Team>
std::vector<Offer> server_offers() {
  const auto offer = [](const char* variant, ServerKind kind) {
    return Offer{&costs::wait(),
                 {variant, Variant::Role::step},
                 [=](const Configuration& configuration, const Placement& placement) {
                   return std::make_unique<ServerOperation<Team>>(configuration, placement, kind);
                 },
                 threaded_bytes};
  };
  return {offer("server", ServerKind::pool),
          offer("server-per-connection", ServerKind::per_connection),
          offer("server-echo", ServerKind::echo)};
}

}  // namespace crossover::cpu
