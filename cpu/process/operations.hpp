#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "common/buffer.hpp"
#include "common/model.hpp"
#include "cpu/loops.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel.hpp"

namespace crossover::cpu {

/// The workloads on arrays whose data the caller holds alone.
class HeldByCaller : public OnArrays<Buffer> {
 public:
  HeldByCaller(const Configuration& configuration, const Placement& placement, Loops loops)
      : OnArrays(configuration, placement, nullptr, std::move(loops)),
        first_read_(static_cast<std::size_t>(configuration.workload->first_read)) {}

  void renew(std::uint32_t salt) override {
    const int arrays = begin_input(salt);
    for (const WorkerPart& part : parts_.all()) part.fill(*reference_, salt, arrays);
  }

  Nanoseconds time(std::int64_t operations) override {
    return timed(
        operations, [this] { run(); },
        [this] {
          for (const WorkerPart& part : parts_.all()) part.cool();
        });
  }

 protected:
  /// One operation.
  virtual void run() = 0;

  std::size_t first_read_;
};

/// The workloads on arrays by messages: the caller holds the data, sends each worker its part of
/// what is read and takes back what was written, or the sum. Workers work on a chunk at a time, as
/// it comes.
class ChannelOperation final : public HeldByCaller {
 public:
  ChannelOperation(const Configuration& configuration, const Placement& placement, ChannelKind kind,
                   Loops loops)
      : HeldByCaller(configuration, placement, std::move(loops)),
        chunk_(memory().size() * kChunkBytes),
        farm_(configuration.workers, placement, kind, [this](int worker, const ChannelEnd& end) {
          serve(part_of(worker).slice.size, end);
        }) {}

  std::vector<int> processes() const override { return farm_.processes(); }

 private:
  /// A worker, until the channel is closed.
  void serve(std::uint64_t elements, const ChannelEnd& end) {
    std::array<void*, kMostArrays> chunk{};
    for (std::size_t array = 0; array < memory().size(); ++array) {
      chunk[array] = static_cast<std::byte*>(chunk_.data()) + array * kChunkBytes;
    }
    const auto bytes = [&](std::size_t array, std::uint64_t count) {
      return std::span(static_cast<std::byte*>(chunk[array]), count * element_bytes());
    };
    if (elements == 0) {
      end.receive(bytes(0, 1));  // which never comes: until the channel is closed
      return;
    }
    for (;;) {
      Total total = loops_.zero();
      for (std::uint64_t done = 0; done < elements;) {
        const std::uint64_t count = std::min(kChunkBytes / element_bytes(), elements - done);
        for (std::size_t array = first_read_; array < memory().size(); ++array) {
          if (!end.receive(bytes(array, count))) return;
        }
        done += count;
        if (loops_.is_sum()) {
          loops_.add(total, loops_.sum(chunk.data(), count));
        } else {
          loops_.map(chunk.data(), count);
          if (!end.send(bytes(0, count))) return;
        }
      }
      if (loops_.is_sum() && !end.send(std::as_bytes(std::span(&total, 1)))) return;
    }
  }

  void run() override {
    const bool is_sum = loops_.is_sum();
    for (int worker = 0; worker < configuration_.workers; ++worker) {
      WorkerPart& part = part_of(worker);
      part.sum = loops_.zero();
      if (part.bytes == 0) continue;
      farm_.give(worker,
                 Cargo(std::span(part.at).first(memory().size()).subspan(first_read_), part.bytes,
                       kChunkBytes),
                 is_sum ? std::as_writable_bytes(std::span(&part.sum, 1))
                        : std::span(static_cast<std::byte*>(part.at[0]), part.bytes));
    }
    farm_.exchange();
    if (is_sum) add_up();
  }

  Buffer chunk_;  // each worker has a copy of its own as soon as it writes there
  Farm farm_;
};

}  // namespace crossover::cpu
