#include "cpu/process/channel.hpp"

#include <fmt/format.h>
#include <mqueue.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace crossover::cpu {

namespace {

// How long the caller sleeps before it asks whether its workers still live. Channels whose other
// end is closed say so themselves, but message queues have no ends.
constexpr int kLookMilliseconds = 100;

/// A worker that goes away must be an error to report, not the end of this process.
void ignore_broken_pipes() {
  struct sigaction action {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL) {
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, nullptr);
  }
}

/// Moves all of `bytes` by calls of `some(bytes)`; false when one moves none.
template <class Bytes, class Some>
bool move_all(Bytes bytes, Some&& some) {
  while (!bytes.empty()) {
    const ssize_t moved = some(bytes);
    if (moved < 0 && errno == EINTR) continue;
    if (moved <= 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(moved));
  }
  return true;
}

}  // namespace

ssize_t ChannelEnd::send_some(std::span<const std::byte> bytes) const {
  if (kind == ChannelKind::pipe) return write(out(), bytes.data(), bytes.size());
  if (kind == ChannelKind::socket) return ::send(out(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  const std::size_t size = std::min(bytes.size(), bounce.size());
  const auto* const message = reinterpret_cast<const char*>(bytes.data());
  return mq_send(out(), message, size, 0) == 0 ? static_cast<ssize_t>(size) : -1;
}

ssize_t ChannelEnd::receive_some(std::span<std::byte> bytes) const {
  if (kind != ChannelKind::queue) return read(in.get(), bytes.data(), bytes.size());
  if (bytes.size() >= bounce.size()) {
    return mq_receive(in.get(), reinterpret_cast<char*>(bytes.data()), bytes.size(), nullptr);
  }
  const ssize_t size =
      mq_receive(in.get(), reinterpret_cast<char*>(bounce.data()), bounce.size(), nullptr);
  if (size <= 0) return size;
  std::memcpy(bytes.data(), bounce.data(), std::min(static_cast<std::size_t>(size), bytes.size()));
  return size;
}

bool ChannelEnd::send(std::span<const std::byte> bytes) const {
  return move_all(bytes, [this](auto left) { return send_some(left); });
}

bool ChannelEnd::receive(std::span<std::byte> bytes) const {
  return move_all(bytes, [this](auto left) { return receive_some(left); });
}

Farm::Farm(int workers, const Placement& placement, ChannelKind kind, Serve serve)
    : binding_(placement, CallerBinding::To::all), serve_(std::move(serve)) {
  if (kind == ChannelKind::pipe) ignore_broken_pipes();
  lines_.reserve(static_cast<std::size_t>(workers));
  children_.reserve(static_cast<std::size_t>(workers));
  for (int worker = 0; worker < workers; ++worker) {
    Channel channel = open_channel(kind, workers);
    bounce_.resize(channel.message_bytes);
    channel.caller.bounce = channel.worker.bounce = bounce_;
    const auto [first, last] = std::minmax({channel.worker.in.get(), channel.worker.out()});
    const int files[] = {first, last};
    children_.emplace_back(
        worker, placement, [&] { serve_(worker, channel.worker); }, files);
    lines_.push_back({std::move(channel.caller)});
  }
}

void Farm::give(int worker, const Cargo& there, std::span<std::byte> back) {
  Line& line = lines_[static_cast<std::size_t>(worker)];
  line.there = there;
  line.back = back;
}

void Farm::exchange() {
  for (;;) {
    bool left = false;
    bool moved = false;
    for (std::size_t worker = 0; worker < lines_.size(); ++worker) {
      Line& line = lines_[worker];
      moved = move(line, static_cast<int>(worker)) || moved;
      left = left || !line.there.empty() || !line.back.empty();
    }
    if (!left) return;
    // All channels are full there and empty back. The workers never wait for anything but their
    // channels, so one of them will move.
    if (!moved) wait();
  }
}

bool Farm::move(Line& line, int worker) {
  std::size_t there = 0;
  std::size_t back = 0;
  if (!line.there.empty()) {
    there = moved(line.end.send_some(line.there.next()), worker);
    line.there.sent(there);
  }
  if (!line.back.empty()) {
    back = moved(line.end.receive_some(line.back), worker);
    line.back = line.back.subspan(back);
  }
  return there + back > 0;
}

/// What a call moved that returned `size`: none when it would have had to wait.
std::size_t Farm::moved(ssize_t size, int worker) {
  if (size > 0) return static_cast<std::size_t>(size);
  if (size == 0 || (errno != EAGAIN && errno != EINTR)) lost(worker);
  return 0;
}

void Farm::wait() {
  std::vector<pollfd> files;
  for (const Line& line : lines_) {
    if (!line.there.empty()) files.push_back({line.end.out(), POLLOUT, 0});
    if (!line.back.empty()) files.push_back({line.end.in.get(), POLLIN, 0});
  }
  if (poll(files.data(), files.size(), kLookMilliseconds) != 0) return;
  for (Child& child : children_) child.check();
}

void Farm::lost(int worker) {
  const int error = errno;
  // It closes its channel by ending.
  children_[static_cast<std::size_t>(worker)].join();
  throw std::runtime_error(
      fmt::format("worker process {} closed its channel: {}", worker, std::strerror(error)));
}

}  // namespace crossover::cpu
