#include <fcntl.h>
#include <fmt/format.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "common/system_file.hpp"
#include "cpu/process/channel.hpp"

namespace crossover::cpu {

namespace {

// Chosen as kChunkBytes is.
constexpr std::size_t kPipeBytes = std::size_t{256} << 10;
constexpr std::size_t kSocketBytes = std::size_t{256} << 10;

void do_not_block(const Descriptor& file) {
  fcntl(file.get(), F_SETFL, fcntl(file.get(), F_GETFL) | O_NONBLOCK);
}

/// (read end, write end)
std::pair<Descriptor, Descriptor> open_pipe() {
  int files[2];
  if (pipe2(files, O_CLOEXEC) != 0) refused("a pipe", errno);
  // Refused beyond a user's share of pipe memory: the default size then.
  fcntl(files[1], F_SETPIPE_SZ, static_cast<int>(kPipeBytes));
  return {Descriptor(files[0]), Descriptor(files[1])};
}

Channel open_pipes() {
  Channel channel(ChannelKind::pipe);
  std::tie(channel.worker.in, channel.caller.separate_out) = open_pipe();
  std::tie(channel.caller.in, channel.worker.separate_out) = open_pipe();
  do_not_block(channel.caller.in);
  do_not_block(channel.caller.separate_out);
  return channel;
}

Channel open_socket() {
  int files[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, files) != 0) refused("a socket", errno);
  Channel channel(ChannelKind::socket);
  channel.caller.in = Descriptor(files[0]);
  channel.worker.in = Descriptor(files[1]);
  const int bytes = static_cast<int>(kSocketBytes);
  for (const int file : files) setsockopt(file, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
  do_not_block(channel.caller.in);
  return channel;
}

struct QueueSize {
  long messages = 0;
  long message_bytes = 0;
};

/// The largest that lets all `queues` queues fit into what a user's queues may take together.
QueueSize queue_size(int queues) {
  // What the kernel adds to each message, generously.
  constexpr long kPerMessage = 128;
  constexpr long kMostMessages = 10;
  const auto setting = [](const char* name, long otherwise) {
    return read_number<long>(std::string("/proc/sys/fs/mqueue/") + name).value_or(otherwise);
  };
  QueueSize size;
  // A power of two: a chunk is whole messages, whose rest would otherwise be lost at its end.
  size.message_bytes = static_cast<long>(std::bit_floor(static_cast<unsigned long>(
      std::clamp(setting("msgsize_max", 8192), 128L, static_cast<long>(kChunkBytes)))));
  size.messages = std::clamp(setting("msg_max", 10), 1L, kMostMessages);
  rlimit limit{};
  if (getrlimit(RLIMIT_MSGQUEUE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const auto each = static_cast<long>(limit.rlim_cur) / queues;
    size.messages = std::min(size.messages, each / (size.message_bytes + kPerMessage));
    if (size.messages == 0) {
      throw Unavailable(fmt::format(
          "{} message queues do not fit into the {} bytes that a user's may take (ulimit -q)",
          queues, limit.rlim_cur));
    }
  }
  return size;
}

/// One queue, opened twice: (to read, to write), of which `caller_reads` names the one that does
/// not block. Its name goes at once; nothing but the system's end between these calls could leave
/// it behind.
std::pair<Descriptor, Descriptor> open_queue(const QueueSize& size, bool caller_reads) {
  static std::atomic<unsigned> number{0};
  const std::string name = fmt::format("/crossover-{}-{}", getpid(), ++number);
  mq_attr attributes{};
  attributes.mq_maxmsg = size.messages;
  attributes.mq_msgsize = size.message_bytes;
  const int reading = O_RDONLY | (caller_reads ? O_NONBLOCK : 0);
  const int writing = O_WRONLY | (caller_reads ? 0 : O_NONBLOCK);
  Descriptor in(mq_open(name.c_str(), O_CREAT | O_EXCL | O_CLOEXEC | reading, 0600, &attributes));
  const int error = errno;
  if (in.get() < 0) {
    if (error == EMFILE || error == ENOSPC) {
      throw Unavailable(
          fmt::format("the system refused a message queue: its limit on their number or on their "
                      "size (ulimit -q, -n, fs.mqueue.queues_max) is reached"));
    }
    refused("a message queue", error);
  }
  Descriptor out(mq_open(name.c_str(), O_CLOEXEC | writing));
  const int out_error = errno;
  mq_unlink(name.c_str());
  if (out.get() < 0) refused("a message queue", out_error);
  return {std::move(in), std::move(out)};
}

Channel open_queues(int channels) {
  const QueueSize size = queue_size(2 * channels);
  Channel channel(ChannelKind::queue);
  std::tie(channel.worker.in, channel.caller.separate_out) = open_queue(size, false);
  std::tie(channel.caller.in, channel.worker.separate_out) = open_queue(size, true);
  channel.message_bytes = static_cast<std::size_t>(size.message_bytes);
  return channel;
}

}  // namespace

Channel open_channel(ChannelKind kind, int channels) {
  if (kind == ChannelKind::pipe) return open_pipes();
  if (kind == ChannelKind::socket) return open_socket();
  return open_queues(channels);
}

std::size_t kernel_bytes(ChannelKind kind) {
  if (kind == ChannelKind::pipe) return 2 * kPipeBytes;
  // The kernel doubles what it is asked for, either way.
  if (kind == ChannelKind::socket) return 4 * kSocketBytes;
  return std::size_t{1} << 20;
}

}  // namespace crossover::cpu
