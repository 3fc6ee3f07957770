#include "cpu/mpi/far.hpp"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <random>

#include "cpu/mpi/ranks.hpp"

namespace crossover::cpu::mpi {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kPatience{3000};   // everybody's, for all of it
constexpr milliseconds kOneAddress{500};  // another rank's, for a connection with one of them
constexpr milliseconds kStranger{100};    // rank 0's, for what a rank says at once
constexpr std::size_t kMostAddresses = 16;

/// Where rank 0 listens, and what only its own ranks know.
struct Invitation {
  std::array<in_addr, kMostAddresses> addresses{};
  std::int32_t count = 0;
  in_port_t port = 0;  ///< in network order; 0: nowhere
  std::uint64_t secret = 0;
};

struct Hello {
  std::uint64_t secret = 0;
  std::int64_t rank = 0;
};

/// Of this machine's interfaces that are up; its own loop last, for machines that share one
/// network.
void add_addresses(Invitation& invitation) {
  ifaddrs* raw = nullptr;
  if (getifaddrs(&raw) != 0) return;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> all(raw, freeifaddrs);
  for (const bool loop : {false, true}) {
    for (const ifaddrs* one = all.get(); one != nullptr; one = one->ifa_next) {
      if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
      if ((one->ifa_flags & IFF_UP) == 0 || ((one->ifa_flags & IFF_LOOPBACK) != 0) != loop)
        continue;
      const auto at = static_cast<std::size_t>(invitation.count);
      if (at == kMostAddresses) return;
      invitation.addresses[at] = reinterpret_cast<const sockaddr_in*>(one->ifa_addr)->sin_addr;
      ++invitation.count;
    }
  }
}

Descriptor listener(Invitation& invitation) {
  Descriptor made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in any{};
  any.sin_family = AF_INET;
  socklen_t size = sizeof any;
  auto* const address = reinterpret_cast<sockaddr*>(&any);
  if (made.get() < 0 || bind(made.get(), address, sizeof any) != 0 ||
      listen(made.get(), SOMAXCONN) != 0 || getsockname(made.get(), address, &size) != 0) {
    return Descriptor();
  }
  invitation.port = any.sin_port;
  std::random_device random;
  invitation.secret = std::uint64_t{random()} << 32 | random();
  add_addresses(invitation);
  return made;
}

milliseconds left(Clock::time_point end) {
  return std::max(std::chrono::ceil<milliseconds>(end - Clock::now()), milliseconds{0});
}

bool ready(int descriptor, short events, milliseconds patience) {
  pollfd one{descriptor, events, 0};
  return poll(&one, 1, static_cast<int>(patience.count())) == 1;
}

/// Whether all of `value` comes, or goes: it is small enough for one piece.
template <class T>
bool receive(int from, T& value, milliseconds patience) {
  return ready(from, POLLIN, patience) &&
         recv(from, &value, sizeof value, MSG_DONTWAIT) == static_cast<ssize_t>(sizeof value);
}
template <class T>
bool send_to(int to, const T& value) {
  return send(to, &value, sizeof value, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof value);
}

void keep_alive(int descriptor) {
  const auto set = [&](int level, int option, int value) {
    setsockopt(descriptor, level, option, &value, sizeof value);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 20);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 4);
}

/// Until `end`, or until each has come. Who comes again has given up the connection before.
std::vector<Descriptor> accept_far(const Descriptor& listening, const Invitation& invitation,
                                   const std::vector<bool>& far, Clock::time_point end) {
  std::vector<Descriptor> connections(far.size());
  auto missing = std::count(far.begin(), far.end(), true);
  while (listening.get() >= 0 && missing > 0 && left(end).count() > 0) {
    if (!ready(listening.get(), POLLIN, left(end))) break;
    Descriptor one(accept4(listening.get(), nullptr, nullptr, SOCK_CLOEXEC));
    Hello hello;
    if (one.get() < 0 || !receive(one.get(), hello, kStranger)) continue;
    const auto rank = static_cast<std::size_t>(hello.rank);
    if (hello.secret != invitation.secret || rank >= far.size() || !far[rank]) continue;
    if (!send_to(one.get(), ~invitation.secret)) continue;
    keep_alive(one.get());
    if (connections[rank].get() < 0) --missing;
    connections[rank] = std::move(one);
  }
  return connections;
}

/// To rank 0 by the first of its addresses at which it answers before `end`.
Descriptor connect_to(const Invitation& invitation, int rank, Clock::time_point end) {
  for (std::int32_t i = 0; i < invitation.count; ++i) {
    Descriptor one(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = invitation.port;
    to.sin_addr = invitation.addresses[static_cast<std::size_t>(i)];
    if (one.get() < 0) break;
    if (connect(one.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0 &&
        errno != EINPROGRESS) {
      continue;
    }
    const Hello hello{invitation.secret, rank};
    std::uint64_t answer = 0;
    if (ready(one.get(), POLLOUT, std::min(kOneAddress, left(end))) && send_to(one.get(), hello) &&
        receive(one.get(), answer, left(end) / 2) && answer == ~invitation.secret) {
      keep_alive(one.get());
      return one;
    }
  }
  return Descriptor();
}

}  // namespace

std::vector<Descriptor> connect_far(MPI_Comm all, int rank, const std::vector<bool>& far) {
  std::vector<Descriptor> connections(rank == 0 ? far.size() : 1);
  if (std::none_of(far.begin(), far.end(), [](bool is) { return is; })) return connections;
  Invitation invitation;
  Descriptor listening;
  if (rank == 0) listening = listener(invitation);
  check(MPI_Bcast(&invitation, sizeof invitation, MPI_BYTE, 0, all));
  const Clock::time_point end = Clock::now() + kPatience;
  if (rank == 0) {
    connections = accept_far(listening, invitation, far, end);
  } else if (far[static_cast<std::size_t>(rank)]) {
    connections.front() = connect_to(invitation, rank, end);
  }
  // What one of the two has given up tells nothing.
  std::vector<int> kept(far.size());
  const int mine = rank != 0 && connections.front().get() >= 0 ? 1 : 0;
  check(MPI_Gather(&mine, 1, MPI_INT, kept.data(), 1, MPI_INT, 0, all));
  for (std::size_t other = 0; rank == 0 && other < far.size(); ++other) {
    if (kept[other] == 0) connections[other] = Descriptor();
  }
  return connections;
}

}  // namespace crossover::cpu::mpi
