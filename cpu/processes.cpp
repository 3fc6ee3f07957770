#include <fmt/format.h>

#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu/costs/create/create.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel_kinds.hpp"
#include "cpu/process/costs.hpp"
#include "cpu/process/operations.hpp"
#include "cpu/costs/switch/switch.hpp"

namespace crossover::cpu {

namespace {

/// The kind of channel of a variant that carries data, or nothing for those that share memory.
std::optional<ChannelKind> channel_of(std::string_view variant) {
  if (variant == "pipe") return ChannelKind::pipe;
  if (variant == "socket") return ChannelKind::socket;
  if (variant == "queue") return ChannelKind::queue;
  return std::nullopt;
}

// What an idle worker takes besides its data: page tables, its stack, pages it has written to.
constexpr std::uint64_t kChildBytes = std::uint64_t{1} << 20;

class Processes final : public ThreadedModel {
 public:
  std::string_view name() const override { return "processes"; }

  std::vector<Variant> variants(const Workload& workload, ElementType) const override {
    if (workload.name == "count") return {{"mutex"}, {"atomic"}};
    if (workload.name == "switch") return switch_variants();
    if (workload.name == "create") {
      Variant pool{"shm"};
      pool.within_threads = true;  // as the threads' pool
      return {{"fork"}, {"posix-spawn"}, pool};
    }
    if (!workload.moves_data()) return {};
    using enum Variant::Role;
    return {{"spawn", step},  {"queue", step},       {"pipe", step},
            {"socket", step}, {"mapped-file", step}, {"shm", best}};
  }

  std::uint64_t host_bytes(const Configuration& configuration) const override {
    const auto workers = static_cast<std::uint64_t>(configuration.workers);
    if (!configuration.workload->moves_data()) {
      return workers * kChildBytes + 2 * Buffer::mapped_bytes(1);
    }
    const std::uint64_t data = ThreadedModel::host_bytes(configuration) + workers * kChildBytes;
    const auto channel = channel_of(configuration.variant);
    if (!channel) return data + 2 * Buffer::mapped_bytes(1);  // sums and orders
    return data + workers * (Buffer::mapped_bytes(chunk_bytes(*channel)) + kernel_bytes(*channel));
  }

  std::unique_ptr<Operation> prepare(const Configuration& configuration,
                                     const Placement& placement) override {
    const std::string_view workload = configuration.workload->name;
    if (workload == "count") return make_process_count(configuration, placement);
    if (workload == "create") return make_process_create(configuration, placement);
    if (workload == "switch") return make_process_switch(configuration, placement);
    return with_type(
        configuration.type, [&]<class T>(std::type_identity<T>) -> std::unique_ptr<Operation> {
          if (const auto channel = channel_of(configuration.variant)) {
            return std::make_unique<ChannelOperation<T>>(configuration, placement, *channel);
          }
          const auto backing = configuration.variant == "mapped-file"
                                   ? SharedMemory::Backing::file
                                   : SharedMemory::Backing::memory;
          const auto crew = configuration.variant == "spawn" ? make_spawn : make_pool;
          return std::make_unique<SharedOperation<T>>(configuration, placement, backing, crew);
        });
  }

  std::vector<std::string_view> columns() const override {
    return {kWorkerBytesColumn, kSwitchColumns[0], kSwitchColumns[1]};
  }

  std::vector<std::pair<std::string, std::string>> facts() const override {
    return {{"waiting",
             "shm, mapped-file: workers spin for about 1 ms, then sleep on a futex; more workers "
             "than hardware threads sleep at once; pipe, socket, queue: in the system call"},
            {"caller",
             "shm, mapped-file, spawn: worker 0; pipe, socket, queue: no worker, it sends and "
             "receives, on the workers' CPUs"},
            {"shared_memory", "memfd_create, on " + SharedMemory::pages()},
            {"mapped_file", "on " + SharedMemory::file_system()},
            {"chunk_bytes", fmt::format("{}", chunk_bytes(ChannelKind::pipe))}};
  }
};

}  // namespace

std::unique_ptr<Model> make_processes() { return std::make_unique<Processes>(); }

}  // namespace crossover::cpu
