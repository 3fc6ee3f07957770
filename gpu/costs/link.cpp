#include <algorithm>
#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "common/buffer.hpp"
#include "common/link_bytes.hpp"
#include "common/parallel.hpp"
#include "common/plural.hpp"
#include "gpu/costs/costs.hpp"

/// `link`: bytes copied between the host's memory and a GPU's by its copy engines.
namespace crossover::gpu {

namespace {

enum class HostMemory {
  pinned,          ///< page-locked: the copy engines reach it by themselves
  write_combined,  ///< likewise, and no CPU caches it: nothing there to ask before a byte is read
  pageable         ///< ordinary: the driver copies through a page-locked buffer of its own
};

/// The host's end of a link.
class HostEnd {
 public:
  HostEnd(const Device& device, HostMemory kind, std::uint64_t bytes) {
    const std::uint64_t size = std::max<std::uint64_t>(bytes, 1);
    switch (kind) {
      case HostMemory::pinned:
        memory_ = PinnedArray<std::byte>(device, size);
        break;
      case HostMemory::write_combined:
        memory_ = WriteCombinedArray<std::byte>(device, size);
        break;
      case HostMemory::pageable:
        memory_ = Buffer(size);
    }
  }
  std::byte* data() const {
    return std::visit([](const auto& memory) { return static_cast<std::byte*>(memory.data()); },
                      memory_);
  }

 private:
  std::variant<Buffer, PinnedArray<std::byte>, WriteCombinedArray<std::byte>> memory_;
};

/// One operation copies so many bytes as there are elements from the host to the device, or back,
/// or as many in both directions at once.
class LinkOperation final : public DeviceOperation {
 public:
  struct Ways {
    bool out = false;   ///< to the device
    bool back = false;  ///< to the host
  };

  LinkOperation(const Configuration& configuration, const std::vector<int>& cpus, Gpu& gpu,
                Ways ways, HostMemory kind)
      : DeviceOperation(configuration, {&gpu}, configuration.elements, 1, false),
        bytes_(configuration.elements),
        cpus_(cpus),
        device_(gpu.device) {
    if (ways.out) out_.emplace(end(gpu, kind));
    if (ways.back) back_.emplace(end(gpu, kind));
    if (ways.out && ways.back) second_.emplace(device_);
    make_work([this](Share&) {
      Work work{[this](const Stream& stream, std::int64_t, std::int64_t operations) {
                  enqueue(stream, operations);
                },
                second_ ? 2 : 1};
      work.poison = [this] { clear(); };
      return work;
    });
  }

  Verdict verify() override {
    std::uint64_t wrong = 0;
    if (out_) {
      const PinnedArray<std::byte> piece(device_, std::min(bytes_, kPieceBytes));
      for (std::uint64_t first = 0; first < bytes_; first += piece.size()) {
        const std::uint64_t size = std::min(piece.size(), bytes_ - first);
        copy(piece.data(), out_->on_device.data() + first, size, cudaMemcpyDeviceToHost);
        wrong += count_wrong({piece.data(), size}, first, salt_);
      }
    }
    if (back_) wrong += count_wrong({back_->on_host.data(), bytes_}, 0, back_salt());
    if (wrong == 0) return {0, true, {}};
    const auto all = static_cast<double>(bytes_) * (out_ && back_ ? 2 : 1);
    return {static_cast<double>(wrong) / all, false, counted(wrong, "wrong byte")};
  }

 private:
  struct Direction {
    DeviceArray<std::byte> on_device;
    HostEnd on_host;
  };
  /// The direction to the host, where there are both: it begins and ends with the other.
  struct Second {
    explicit Second(const Device& device)
        : stream(device), begun(device, false), ended(device, false) {}
    Stream stream;
    Event begun;
    Event ended;
  };
  Direction end(const Gpu& gpu, HostMemory kind) const {
    return {allocate(gpu, bytes_), HostEnd(gpu.device, kind, bytes_)};
  }

  /// What one direction carries is wrong for the other.
  std::uint32_t back_salt() const { return ~salt_; }

  void write_input() override {
    if (out_) write(out_->on_host.data(), salt_);
    if (back_) {
      std::byte* const host = back_->on_host.data();
      write(host, back_salt());
      copy(back_->on_device.data(), host, bytes_, cudaMemcpyHostToDevice);
    }
    clear();
  }
  /// `body(first, size)` for parts that begin at whole words.
  template <class Body>
  void each_part(std::uint64_t bytes, Body&& body) const {
    constexpr std::uint64_t kWord = 4;
    parallel_over((bytes + kWord - 1) / kWord, cpus_,
                  [&](std::uint64_t first, std::uint64_t count) {
                    const std::uint64_t begin = first * kWord;
                    body(begin, std::min(count * kWord, bytes - begin));
                  });
  }
  void write(std::byte* to, std::uint32_t salt) const {
    each_part(bytes_, [&](std::uint64_t first, std::uint64_t size) {
      write_link_bytes({to + first, size}, first, salt);
    });
  }
  std::uint64_t count_wrong(std::span<const std::byte> found, std::uint64_t place,
                            std::uint32_t salt) const {
    std::atomic<std::uint64_t> wrong{0};
    each_part(found.size(), [&](std::uint64_t first, std::uint64_t size) {
      wrong += wrong_link_bytes(found.subspan(first, size), place + first, salt);
    });
    return wrong;
  }
  /// Where bytes are to arrive: what does not come is not to be found there from before.
  void clear() {
    const Stream& stream = shares_.front()->stream;
    device_.select();
    if (out_) {
      device_.check(cudaMemsetAsync(out_->on_device.data(), 0xff, bytes_, stream.get()),
                    "clearing the link's end");
      stream.synchronize();
    }
    if (back_) {
      each_part(bytes_, [&](std::uint64_t first, std::uint64_t size) {
        std::fill_n(back_->on_host.data() + first, size, std::byte{0xff});
      });
    }
  }
  void copy(std::byte* to, const std::byte* from, std::uint64_t bytes, cudaMemcpyKind kind) {
    const Stream& stream = shares_.front()->stream;
    device_.select();
    put_copy(stream, to, from, bytes, kind);
    stream.synchronize();
  }
  void put_copy(const Stream& stream, std::byte* to, const std::byte* from, std::uint64_t bytes,
                cudaMemcpyKind kind) const {
    device_.check(cudaMemcpyAsync(to, from, bytes, kind, stream.get()),
                  "copying between host and device");
  }

  void enqueue(const Stream& stream, std::int64_t operations) {
    const Stream& returning = second_ ? second_->stream : stream;
    const auto wait = [&](const Event& event, const Stream& ahead, const Stream& behind) {
      event.record(ahead);
      device_.check(cudaStreamWaitEvent(behind.get(), event.get(), 0), "waiting for a stream");
    };
    if (second_) wait(second_->begun, stream, returning);
    for (std::int64_t i = 0; i < operations; ++i) {
      if (out_) {
        put_copy(stream, out_->on_device.data(), out_->on_host.data(), bytes_,
                 cudaMemcpyHostToDevice);
      }
      if (back_) {
        put_copy(returning, back_->on_host.data(), back_->on_device.data(), bytes_,
                 cudaMemcpyDeviceToHost);
      }
    }
    if (second_) wait(second_->ended, returning, stream);
  }

  std::uint64_t bytes_;
  std::vector<int> cpus_;
  const Device& device_;
  std::optional<Direction> out_;
  std::optional<Direction> back_;
  std::optional<Second> second_;
};

}  // namespace

std::vector<CostVariant> link_variants() {
  using Role = Variant::Role;
  using Ways = LinkOperation::Ways;
  using enum HostMemory;
  constexpr Ways kOut{true, false};
  constexpr Ways kBack{false, true};
  constexpr Ways kBoth{true, true};
  std::vector<CostVariant> all;
  for (const auto& [name, role, ways, kind] :
       {std::tuple{"to-device-pageable", Role::step, kOut, pageable},
        {"to-device-write-combined", Role::step, kOut, write_combined},
        {"to-device", Role::best, kOut, pinned},
        {"to-host-pageable", Role::step, kBack, pageable},
        {"to-host", Role::best, kBack, pinned},
        {"both-ways", Role::best, kBoth, pinned}}) {
    // The call that copies pageable memory returns when most of it is done, so it cannot be queued
    // behind what holds the stream.
    std::vector scopes{Scope::resident};
    if (kind != pageable) scopes.push_back(Scope::kernel);
    all.push_back({{name, role, scopes},
                   [ways = ways, kind = kind](const Configuration& configuration,
                                              const std::vector<int>& cpus, Gpu& gpu) {
                     return std::make_unique<LinkOperation>(configuration, cpus, gpu, ways, kind);
                   },
                   ways.out && ways.back ? 2 : 1});
  }
  return all;
}

}  // namespace crossover::gpu
