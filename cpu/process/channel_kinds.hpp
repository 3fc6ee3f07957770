#pragma once

#include <cstddef>

#include "cpu/process/channel.hpp"

namespace crossover::cpu {

/// A channel before its worker is forked: the caller's files do not block, the worker's do. A
/// socket has one file an end, `..._in`.
struct Channel {
  Descriptor caller_in;
  Descriptor caller_out;
  Descriptor worker_in;
  Descriptor worker_out;
  std::size_t message_bytes = 0;  ///< the largest message of a queue
};

/// One of `channels` channels. Throws Unavailable with the limit that is in the way.
Channel open_channel(ChannelKind kind, int channels);

/// What the kernel may hold of a channel's data, in bytes.
std::size_t kernel_bytes(ChannelKind kind);

}  // namespace crossover::cpu
