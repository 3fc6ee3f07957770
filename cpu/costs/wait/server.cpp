#include "cpu/costs/wait/server.hpp"

#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <utility>

namespace crossover::cpu::serving {

namespace {

constexpr const char* kClosed = "the server closed a connection";

Descriptor open_socket() {
  Descriptor made(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (made.get() < 0) refused("a socket", errno);
  return made;
}

Descriptor open_set() {
  Descriptor made(epoll_create1(EPOLL_CLOEXEC));
  if (made.get() < 0) refused("an epoll set", errno);
  return made;
}

/// Has `set` tell of `file` by `data`.
void watch(const Descriptor& set, int file, std::uint32_t events, epoll_data_t data) {
  epoll_event event{events, data};
  if (epoll_ctl(set.get(), EPOLL_CTL_ADD, file, &event) != 0) refused("a place in epoll", errno);
}

/// A reply waits for no more to send with it.
void send_at_once(const Descriptor& end) {
  const int yes = 1;
  setsockopt(end.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

/// False when the connection is no more.
bool receive_message(int end, Message& message) {
  ssize_t size = 0;
  do {
    size = recv(end, &message, sizeof message, MSG_WAITALL);
  } while (size < 0 && errno == EINTR);
  return size == static_cast<ssize_t>(sizeof message);
}

/// The same. So little always fits.
bool send_message(int end, const Message& message) {
  ssize_t size = 0;
  do {
    size = ::send(end, &message, sizeof message, MSG_NOSIGNAL);
  } while (size < 0 && errno == EINTR);
  return size == static_cast<ssize_t>(sizeof message);
}

}  // namespace

std::uint64_t answer(std::uint64_t number) {
  constexpr std::uint64_t kSteps = 16;
  return chain(number, kSteps);
}

Connections::Connections(int count) {
  // What a shell allows is often far less than what the system does.
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    descriptors.rlim_cur = descriptors.rlim_max;
    setrlimit(RLIMIT_NOFILE, &descriptors);
  }
  const Descriptor listener = open_socket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const general = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (bind(listener.get(), general, size) != 0 || listen(listener.get(), 1) != 0 ||
      getsockname(listener.get(), general, &size) != 0) {
    refused("a server on the loopback", errno);
  }
  const auto port = [](int file, auto ask) {
    sockaddr_in known{};
    socklen_t bytes = sizeof known;
    return ask(file, reinterpret_cast<sockaddr*>(&known), &bytes) == 0 ? known.sin_port : 0;
  };
  for (int i = 0; i < count; ++i) {
    Descriptor client = open_socket();
    if (connect(client.get(), general, size) != 0) refused("a connection on the loopback", errno);
    Descriptor accepted;
    // Somebody else may have come first.
    do {
      accepted = Descriptor(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (accepted.get() < 0) refused("a connection on the loopback", errno);
    } while (port(accepted.get(), getpeername) != port(client.get(), getsockname));
    send_at_once(client);
    send_at_once(accepted);
    clients.push_back(std::move(client));
    server.push_back(std::move(accepted));
  }
}

Server::Server(const Connections& connections, ServerKind kind, int workers, Answer answer)
    : shared_(kind != ServerKind::per_connection),
      answer_(answer),
      over_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (over_.get() < 0) refused("an event descriptor", errno);
  const int sets = shared_ ? 1 : workers;
  for (int i = 0; i < sets; ++i) {
    sets_.push_back(open_set());
    watch(sets_.back(), over_.get(), EPOLLIN, {.fd = over_.get()});
  }
  for (std::size_t i = 0; i < connections.server.size(); ++i) {
    const int end = connections.server[i].get();
    // Of a shared one, one worker is told, and nobody else until it says so.
    watch(sets_[shared_ ? 0 : i], end, EPOLLIN | (shared_ ? EPOLLONESHOT : 0U), {.fd = end});
  }
}

void Server::serve(int worker) const {
  const ExactTimers exact;
  const int set = sets_[shared_ ? 0 : static_cast<std::size_t>(worker)].get();
  for (;;) {
    epoll_event event{};
    const int found = epoll_wait(set, &event, 1, -1);
    if (found < 0 && errno != EINTR) return;  // its clients have no patience for ever
    if (found < 1) continue;
    const int end = event.data.fd;
    if (end == over_.get()) return;
    Message message;
    bool alive = receive_message(end, message);
    if (alive) {
      if (message.value > 0) sleep_until(now() + static_cast<Instant>(message.value));
      message.value = answer_(message.number);
      alive = send_message(end, message);
    }
    if (alive && shared_) {
      event.events = EPOLLIN | EPOLLONESHOT;
      alive = epoll_ctl(set, EPOLL_CTL_MOD, end, &event) == 0;
    }
    // Its client sees the end.
    if (!alive) shutdown(end, SHUT_RDWR);
    if (!alive && !shared_) return;
  }
}

void Server::end() const { eventfd_write(over_.get(), 1); }

void Server::begin_again() const {
  eventfd_t ends = 0;
  eventfd_read(over_.get(), &ends);
}

Clients::Clients(const Connections& connections, ServerKind kind)
    : by_the_clock_(kind != ServerKind::echo),
      set_(open_set()),
      lines_(connections.clients.size()) {
  for (std::size_t i = 0; i < lines_.size(); ++i) {
    lines_[i].end = connections.clients[i].get();
    watch(set_, lines_[i].end, EPOLLIN, {.ptr = &lines_[i]});
    idle_.push_back(&lines_[i]);
  }
}

Instant Clients::run(std::uint64_t count) {
  const ExactTimers exact;
  const std::size_t before = sojourns.size();
  const Instant first = now() + (by_the_clock_ ? requests::kLead : 0);
  std::uint64_t next = 0;
  const auto due = [&](std::uint64_t index) {
    return by_the_clock_ ? first + static_cast<Instant>(index) * kInterval : now();
  };
  while (sojourns.size() - before < count) {
    while (next < count && !idle_.empty()) {
      const Instant when = due(next);
      if (by_the_clock_ && now() < when) break;
      Line& line = *idle_.back();
      idle_.pop_back();
      send(line, next, when);
      ++next;
    }
    const bool awaited = by_the_clock_ && next < count && !idle_.empty();
    wait(awaited ? due(next) : -1);
  }
  return now() - first;
}

void Clients::send(Line& line, std::uint64_t index, Instant due) {
  line.number = ++asked;
  line.due = due;
  line.slow = by_the_clock_ && index % kPeriod == 0;
  const std::uint64_t waits = line.slow ? static_cast<std::uint64_t>(kSlow) : 0;
  if (!send_message(line.end, {line.number, waits})) throw std::runtime_error(kClosed);
}

/// Takes the replies that there are; waits for the first until `until`, -1: for as long as it
/// takes.
void Clients::wait(Instant until) {
  if (until >= 0) {
    // Waits to the nanosecond, which epoll_wait() does not.
    const Instant left = std::max<Instant>(until - now(), 0);
    const timespec time{left / 1'000'000'000, left % 1'000'000'000};
    pollfd file{set_.get(), POLLIN, 0};
    if (ppoll(&file, 1, &time, nullptr) < 1) return;
  }
  std::array<epoll_event, kConnections> events{};
  const int found =
      epoll_wait(set_.get(), events.data(), static_cast<int>(events.size()), kPatienceMs);
  if (found == 0) throw std::runtime_error("the server has not replied for 10 s");
  for (int i = 0; i < found; ++i) {
    receive(*static_cast<Line*>(events[static_cast<std::size_t>(i)].data.ptr));
  }
}

void Clients::receive(Line& line) {
  Message reply;
  if (!receive_message(line.end, reply)) {
    throw std::runtime_error(kClosed);
  }
  sojourns.push_back({now() - line.due, line.slow});
  if (reply.number != line.number || reply.value != answer(reply.number)) ++wrong;
  idle_.push_back(&line);
}

}  // namespace crossover::cpu::serving
