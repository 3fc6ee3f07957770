#pragma once

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/buffer.hpp"
#include "common/descriptor.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/operations.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {

/// The workloads on arrays through a plain file: the caller holds the data and writes what is read
/// to a file; the workers read their parts of it into memory of their own, a chunk at a time, and
/// write what they wrote back; the caller reads that. What was written is read from the kernel's
/// page cache; nobody waits for the disk, unless the system slows down who writes much. A sum comes
/// back in shared memory.
class FileOperation final : public HeldByCaller {
 public:
  FileOperation(const Configuration& configuration, const Placement& placement, Loops loops)
      : HeldByCaller(configuration, placement, std::move(loops)),
        array_bytes_(configuration.elements * element_bytes()),
        file_(open_temporary_file(std::max<std::size_t>(memory().size() * array_bytes_, 1))),
        chunk_(memory().size() * kChunkBytes),
        errors_(static_cast<std::size_t>(configuration.workers), 0),
        pool_(configuration.workers, placement, std::array{file_.get()}) {}

  std::vector<int> processes() const override { return pool_.processes(); }

 private:
  std::span<std::byte> whole(std::size_t array) {
    return {static_cast<std::byte*>(memory()[array].data()), array_bytes_};
  }

  /// 0, or the error. `move` is pread() or pwrite(), `at` where in the file.
  template <class Move>
  int all(Move move, std::span<std::byte> bytes, std::size_t at) const {
    while (!bytes.empty()) {
      const ssize_t size = move(file_.get(), bytes.data(), bytes.size(), static_cast<off_t>(at));
      if (size < 0 && errno == EINTR) continue;
      if (size <= 0) return size < 0 ? errno : ENODATA;
      at += static_cast<std::size_t>(size);
      bytes = bytes.subspan(static_cast<std::size_t>(size));
    }
    return 0;
  }

  /// A worker's part. Returns 0, or the error.
  int work(WorkerPart& part) {
    std::array<void*, kMostArrays> chunk{};
    for (std::size_t array = 0; array < memory().size(); ++array) {
      chunk[array] = static_cast<std::byte*>(chunk_.data()) + array * kChunkBytes;
    }
    Total total = loops_.zero();
    for (std::uint64_t done = 0; done < part.slice.size;) {
      const std::uint64_t count = std::min(kChunkBytes / element_bytes(), part.slice.size - done);
      const std::size_t at = (part.slice.first + done) * element_bytes();
      const auto bytes = [&](std::size_t array) {
        return std::span(static_cast<std::byte*>(chunk[array]), count * element_bytes());
      };
      for (std::size_t array = first_read_; array < memory().size(); ++array) {
        if (const int error = all(pread, bytes(array), array * array_bytes_ + at)) return error;
      }
      if (loops_.is_sum()) {
        loops_.add(total, loops_.sum(chunk.data(), count));
      } else {
        loops_.map(chunk.data(), count);
        if (const int error = all(pwrite, bytes(0), at)) return error;
      }
      done += count;
    }
    part.sum = total;
    return 0;
  }

  void run() override {
    for (std::size_t array = first_read_; array < memory().size(); ++array) {
      stop_at(all(pwrite, whole(array), array * array_bytes_));
    }
    pool_.run([this](int worker) {
      errors_.all()[static_cast<std::size_t>(worker)] = work(part_of(worker));
    });
    for (const int error : errors_.all()) stop_at(error);
    if (loops_.is_sum()) {
      add_up();
    } else {
      stop_at(all(pread, whole(0), 0));
    }
  }

  static void stop_at(int error) {
    if (error == 0) return;
    throw std::runtime_error(std::string("the file that the processes share: ") +
                             std::strerror(error));
  }

  std::size_t array_bytes_;
  Descriptor file_;
  Buffer chunk_;                // each worker has a copy of its own as soon as it writes there
  InSharedMemory<int> errors_;  // by worker
  ProcessPool pool_;            // last: workers know what is there when they are forked
};

}  // namespace crossover::cpu
