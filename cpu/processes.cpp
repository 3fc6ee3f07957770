#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/forms.hpp"
#include "cpu/costs/count/count.hpp"
#include "cpu/costs/create/create.hpp"
#include "cpu/costs/switch/switch.hpp"
#include "cpu/costs/tail.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/crew.hpp"
#include "cpu/process/file.hpp"
#include "cpu/process/operations.hpp"
#include "cpu/process/shared_memory.hpp"

namespace crossover::cpu {

namespace {

/// What workers take that share the memory of the arrays.
std::uint64_t shared_bytes(const Configuration& configuration) {
  return threaded_bytes(configuration) + crew_bytes(configuration);
}

std::uint64_t arrays_of(const Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.workload->arrays);
}

/// Loops for workers that work on a chunk at a time.
Loops chunk_loops(const Configuration& configuration, const Placement& placement) {
  return Loops::chosen(
      configuration, placement.forms,
      std::min<std::uint64_t>(part_bytes(configuration), arrays_of(configuration) * kChunkBytes));
}

/// Of every workload on arrays, by messages.
std::vector<Offer> channel_offers(const std::string& variant, ChannelKind kind) {
  return array_offers(
      {variant, Variant::Role::step},
      [=](const Configuration& configuration, const Placement& placement) {
        return std::make_unique<ChannelOperation>(configuration, placement, kind,
                                                  chunk_loops(configuration, placement));
      },
      [=](const Configuration& configuration) {
        const std::uint64_t chunks = Buffer::mapped_bytes(arrays_of(configuration) * kChunkBytes);
        return threaded_bytes(configuration) + static_cast<std::uint64_t>(configuration.workers) *
                                                   (kChildBytes + chunks + kernel_bytes(kind));
      });
}

/// Of every workload on arrays, through a plain file.
std::vector<Offer> file_offers() {
  return array_offers(
      {"file", Variant::Role::step},
      [](const Configuration& configuration, const Placement& placement) {
        return std::make_unique<FileOperation>(configuration, placement,
                                               chunk_loops(configuration, placement));
      },
      [](const Configuration& configuration) {
        const std::uint64_t chunks = Buffer::mapped_bytes(arrays_of(configuration) * kChunkBytes);
        // Where files are memory, the file is.
        return 2 * threaded_bytes(configuration) + crew_bytes(configuration) +
               static_cast<std::uint64_t>(configuration.workers) * chunks;
      });
}

/// Forked workers. `shm`, `mapped-file`: a pool over shared memory or a mapped file, nothing is
/// copied. `spawn`: forked for every operation, over shared memory. `pipe`, `socket`, `queue`:
/// slices travel to the workers and results back; `file`: by way of a plain file.
class Processes final : public ThreadedModel {
 public:
  Processes()
      : ThreadedModel(
            {array_offers<ProcessSpawn, SharedMemory>({"spawn", Variant::Role::step}, shared_bytes),
             channel_offers("queue", ChannelKind::queue), channel_offers("pipe", ChannelKind::pipe),
             channel_offers("socket", ChannelKind::socket), file_offers(),
             array_offers<ProcessPool, MappedFile>({"mapped-file", Variant::Role::step},
                                                   shared_bytes),
             array_offers<ProcessPool, SharedMemory>({"shm"}, shared_bytes), process_count_offers(),
             process_create_offers(), process_switch_offers()}) {}

  std::string_view name() const override { return "processes"; }

  std::vector<Column> columns() const override {
    std::vector<Column> all{kMemoryColumns.begin(), kMemoryColumns.end()};
    all.push_back(kCudaContextColumn);
    all.insert(all.end(), kSwitchColumns.begin(), kSwitchColumns.end());
    all.insert(all.end(), kTailColumns.begin(), kTailColumns.end());
    return all;
  }

  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {
        {"waiting",
         "shm, mapped-file, file: workers spin for about 1 ms, then sleep on a futex; more "
         "workers than hardware threads sleep at once; pipe, socket, queue: in the system call"},
        {"caller",
         "shm, mapped-file, file, spawn: worker 0; pipe, socket, queue: no worker, it sends and "
         "receives, on the workers' CPUs"},
        {"shared_memory", "memfd_create, on " + SharedMemory::pages()},
        {"files", "on " + MappedFile::file_system()},
        {"chunk_bytes", fmt::format("{}", kChunkBytes)}};
  }
};

}  // namespace

std::unique_ptr<Model> make_processes() { return std::make_unique<Processes>(); }

}  // namespace crossover::cpu
