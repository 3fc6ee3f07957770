#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cpu/costs/count/count.hpp"
#include "cpu/costs/create/create.hpp"
#include "cpu/models.hpp"
#include "cpu/operations.hpp"
#include "cpu/process/channel_kinds.hpp"
#include "cpu/process/operations.hpp"
#include "cpu/costs/switch/switch.hpp"

namespace crossover::cpu {

namespace {

std::uint64_t array_bytes(const Configuration& configuration) {
  return static_cast<std::uint64_t>(configuration.workload->arrays) *
         Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
}

Offer shared(const Workload& workload, Variant variant, SharedMemory::Backing backing,
             SharedOperation<>::MakeCrew make_crew) {
  return {&workload, std::move(variant),
          [=](const Configuration& configuration, const Placement& placement) {
            return std::make_unique<SharedOperation<>>(configuration, placement, backing,
                                                       make_crew);
          },
          [](const Configuration& configuration) {
            return array_bytes(configuration) + crew_bytes(configuration);
          }};
}

Offer by_messages(const Workload& workload, std::string variant, ChannelKind kind) {
  return {&workload,
          {std::move(variant), Variant::Role::step},
          [=](const Configuration& configuration, const Placement& placement) {
            return std::make_unique<ChannelOperation<>>(configuration, placement, kind);
          },
          [=](const Configuration& configuration) {
            const auto arrays = static_cast<std::size_t>(configuration.workload->arrays);
            const std::uint64_t chunks = Buffer::mapped_bytes(arrays * chunk_bytes(kind));
            return array_bytes(configuration) + static_cast<std::uint64_t>(configuration.workers) *
                                                    (kChildBytes + chunks + kernel_bytes(kind));
          }};
}

std::vector<Offer> all_offers() {
  using enum Variant::Role;
  using enum SharedMemory::Backing;
  std::vector<Offer> all;
  for (const Workload& workload : workloads()) {
    if (workload.array_index < 0) continue;
    all.push_back(shared(workload, {"spawn", step}, memory, make_spawn));
    all.push_back(by_messages(workload, "queue", ChannelKind::queue));
    all.push_back(by_messages(workload, "pipe", ChannelKind::pipe));
    all.push_back(by_messages(workload, "socket", ChannelKind::socket));
    all.push_back(shared(workload, {"mapped-file", step}, file, make_pool));
    all.push_back(shared(workload, {"shm", best}, memory, make_pool));
  }
  for (auto offers : {process_count_offers, process_create_offers, process_switch_offers}) {
    for (Offer& offer : offers()) all.push_back(std::move(offer));
  }
  return all;
}

class Processes final : public ThreadedModel {
 public:
  std::string_view name() const override { return "processes"; }

  const std::vector<Offer>& offers() const override {
    static const std::vector<Offer> all = all_offers();
    return all;
  }

  std::vector<Column> columns() const override {
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
