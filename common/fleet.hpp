#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace crossover {

/// What connects the nodes of a fleet run: one process on each measures that node, and node 0 alone
/// reads the command line and writes. What they tell one another is the harness's business. Any
/// thread may call; throws std::runtime_error when the network fails.
class Fleet {
 public:
  using Bytes = std::vector<std::uint8_t>;
  struct Message {
    std::size_t from = 0;
    Bytes bytes;
  };

  virtual ~Fleet() = default;

  /// The nodes' names, no two of them the same.
  virtual const std::vector<std::string>& nodes() const = 0;
  /// Which of them this process is.
  virtual std::size_t self() const = 0;

  virtual void send(std::size_t to, const Bytes& bytes) = 0;
  /// What another node has sent, in its order, or nothing when nothing is there yet.
  virtual std::optional<Message> receive() = 0;

  /// On node 0: tells the others to end. Only the first call does something.
  virtual void stop() = 0;
  /// On the others: whether node 0 has told so.
  virtual bool stopped() = 0;
};

/// The names of nodes on these hosts: the hosts' own, and where several nodes share one, each with
/// its number behind it.
std::vector<std::string> node_names(std::vector<std::string> hosts);

}  // namespace crossover
