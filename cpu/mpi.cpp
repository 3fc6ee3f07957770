#include "cpu/mpi.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <exception>
#include <new>
#include <thread>
#include <tuple>
#include <utility>

#include "common/forms.hpp"
#include "common/plural.hpp"
#include "common/streams.hpp"
#include "cpu/mpi/link.hpp"
#include "cpu/mpi/part.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

using namespace mpi;  // the parts of this model

namespace {

constexpr int kSystem = 3;  // exit status: the system refused

class MpiOperation final : public Operation {
 public:
  /// `task` says what its variant does; the rest is the configuration's.
  MpiOperation(Ranks& ranks, const Configuration& what, const Placement& placement, Task task)
      : binding_(placement), ranks_(ranks) {
    task.workload = static_cast<std::int32_t>(what.workload - workloads().data());
    task.type = what.type;
    task.cold = what.cache == Cache::cold;
    task.pinned = !placement.cpus.empty();
    task.elements = what.elements;
    task.workers = what.workers;
    if (task.peer >= 0) {
      others_ = {task.peer};
    } else {
      for (int rank = 1; rank < what.workers; ++rank) others_.push_back(rank);
      if (placement.forms != nullptr) {
        task.form = ShortText(placement.forms->of(what, part_bytes(what)));
      }
    }
    std::size_t worker = 0;
    for (const int rank : others_) {
      ++worker;
      const bool here = task.pinned && ranks.on_this_machine(rank);
      task.cpu = here ? placement.cpus[worker] : -1;
      ranks.order(rank, {.kind = Order::Kind::prepare, .task = task});
    }
    std::exception_ptr refused;
    try {
      part_ = make_part(ranks, task, placement.allowed);
    } catch (const std::bad_alloc&) {
      refused = std::current_exception();
    }
    try {
      reports();
      if (refused) std::rethrow_exception(refused);
    } catch (...) {
      release();
      throw;
    }
  }
  MpiOperation(const MpiOperation&) = delete;
  MpiOperation& operator=(const MpiOperation&) = delete;
  ~MpiOperation() override { release(); }

  void renew(std::uint32_t salt) override {
    order({.kind = Order::Kind::renew, .salt = salt});
    part_->renew(salt);
  }

  std::int64_t operations_left() const override { return part_->operations_left(); }

  Nanoseconds time(std::int64_t operations) override {
    order({.kind = Order::Kind::run, .operations = operations});
    return part_->time(operations);
  }

  std::vector<int> processes() const override { return ranks_.processes(others_); }

  Verdict verify() override {
    order({.kind = Order::Kind::verify});
    std::vector<Report> all{part_->report()};
    for (const Report& report : reports()) all.push_back(report);
    return part_->judge(all);
  }

 private:
  /// To all other ranks.
  void order(const Order& order) {
    for (const int rank : others_) ranks_.order(rank, order);
  }

  /// Of all of them, so that none is left over; then throws for the first that failed.
  std::vector<Report> reports() {
    std::vector<Report> reports;
    Reply worst;
    for (const int rank : others_) {
      const Reply reply = ranks_.reply_of(rank);
      reports.push_back(reply.report);
      if (worst.outcome == Reply::Outcome::done) worst = reply;
    }
    if (worst.outcome == Reply::Outcome::no_memory) throw std::bad_alloc();
    if (worst.outcome == Reply::Outcome::failed) throw Unavailable(worst.reason.string());
    return reports;
  }

  void release() {
    try {
      order({.kind = Order::Kind::release});
      part_.reset();
      reports();
    } catch (const std::exception&) {
      // A rank is gone: mpirun ends this one too.
    }
  }

  CallerBinding binding_;
  Ranks& ranks_;
  std::vector<int> others_;  ///< ranks
  std::unique_ptr<Part> part_;
};

class Mpi final : public ThreadedModel {
 public:
  explicit Mpi(Ranks* ranks)
      : ThreadedModel({mpi_offers({"scatter-gather", Variant::Role::step}, {.scatter = true}),
                       sums(mpi_offers({"slices-by-hand", Variant::Role::step}, {.by_hand = true})),
                       mpi_offers({"slices"}, {}), link_offers()}),
        ranks_(ranks) {}

  std::string_view name() const override { return "mpi"; }
  std::string unavailable() const override {
    return ranks_ != nullptr ? std::string() : Ranks::why_not_launched();
  }
  std::string lost() const override {
    return unavailable().empty() ? ranks_->lost() : std::string();
  }
  std::vector<std::pair<std::string, std::string>> facts() const override {
    if (!unavailable().empty()) return {};
    std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
    int length = 0;
    MPI_Get_library_version(text.data(), &length);
    // What follows may name who built it where.
    const std::string_view version(text.data(), static_cast<std::size_t>(length));
    return {
        {"library", std::string(version.substr(0, version.find_first_of(",\n")))},
        {"ranks", fmt::format("{} on {}", ranks_->size(), counted(ranks_->machines(), "machine"))},
        {"waiting",
         "ranks spin inside an operation and for about 1 ms after it, then look for orders "
         "every 10 ms at the latest"}};
  }

 private:
  // As many cache lines as an int counts.
  static constexpr std::uint64_t kMostScattered = std::uint64_t{64} << 31;

  void require_ranks(int workers) const {
    if (!unavailable().empty()) throw Unavailable(unavailable());
    if (workers > ranks_->size()) {
      throw Unavailable(fmt::format("{} need a rank each, and mpirun started {}",
                                    counted(workers, "worker"), ranks_->size()));
    }
  }

  static std::vector<Offer> sums(std::vector<Offer> offers) {
    std::erase_if(offers, [](const Offer& offer) { return !offer.workload->is_sum; });
    return offers;
  }

  std::vector<Offer> mpi_offers(const Variant& variant, const Task& task) {
    return array_offers(
        variant,
        [this, task](const Configuration& what, const Placement& placement) {
          require_ranks(what.workers);
          if (task.scatter && what.elements * size_of(what.type) > kMostScattered) {
            throw Unavailable("MPI counts what it scatters in an int: at most 128 GiB");
          }
          return std::make_unique<MpiOperation>(*ranks_, what, placement, task);
        },
        [scatter = task.scatter](const Configuration& what) {
          const auto arrays = static_cast<std::uint64_t>(what.workload->arrays);
          const auto workers = static_cast<std::uint64_t>(what.workers);
          const std::uint64_t bytes = what.elements * size_of(what.type);
          const std::uint64_t slices = arrays * workers * Buffer::mapped_bytes(bytes / workers);
          return scatter ? threaded_bytes(what) + slices : slices;
        });
  }

  /// Messages between rank 0 and another on its machine, or on another one.
  std::vector<Offer> link_offers() {
    std::vector<Offer> offers;
    for (const auto& [name, far, both_ways] : {std::tuple{"ping-pong", false, false},
                                               {"both-ways", false, true},
                                               {"ping-pong-far", true, false},
                                               {"both-ways-far", true, true}}) {
      offers.push_back({&costs::link(),
                        {name},
                        [this, far = far, both_ways = both_ways](const Configuration& what,
                                                                 const Placement& placement) {
                          require_ranks(2);
                          const int peer = far ? ranks_->first_far() : ranks_->nearest();
                          if (peer < 0) {
                            throw Unavailable(far ? "all ranks are on one machine"
                                                  : "rank 0 has no other rank on its machine");
                          }
                          if (what.elements > LinkPart::kMost) {
                            throw Unavailable(
                                "MPI counts a message's bytes in an int: less than 2 GiB");
                          }
                          return std::make_unique<MpiOperation>(
                              *ranks_, what, placement, Task{.peer = peer, .both_ways = both_ways});
                        },
                        [far = far](const Configuration& what) {
                          // What it sends and what it gets, of each rank on this machine.
                          return (far ? 2 : 4) * Buffer::mapped_bytes(what.elements);
                        }});
    }
    return offers;
  }

  Ranks* ranks_;
};

}  // namespace

int with_ranks(const std::function<int(mpi::Ranks*)>& program) {
  if (!Ranks::launched()) return program(nullptr);
  try {
    // Static: a library that ends the program with exit() ends the other ranks as well.
    static Ranks ranks;
    if (ranks.rank() != 0) {
      try {
        serve(ranks, make_part);
      } catch (const std::runtime_error&) {
        // Rank 0's end may reach MPI before it reaches who watches it.
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
        if (!ranks.lost().empty()) _exit(0);
        throw;
      }
      return 0;
    }
    const int status = program(&ranks);
    Ranks::end_with(status);
    if (!ranks.lost().empty()) {
      // There is no orderly end without it.
      _exit(status);
    }
    return status;
  } catch (const std::exception& error) {
    tell(fmt::format("crossover: {}\n", error.what()));
    _exit(kSystem);
  }
}

std::unique_ptr<Model> make_mpi(mpi::Ranks* ranks) { return std::make_unique<Mpi>(ranks); }

}  // namespace crossover::cpu
