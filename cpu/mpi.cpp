#include "cpu/mpi.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <exception>
#include <new>
#include <utility>

#include "common/forms.hpp"
#include "common/plural.hpp"
#include "common/streams.hpp"
#include "cpu/mpi/part.hpp"
#include "cpu/operations.hpp"

namespace crossover::cpu {

using namespace mpi;  // the parts of this model

namespace {

constexpr int kSystem = 3;  // exit status: the system refused

class MpiOperation final : public Operation {
 public:
  MpiOperation(Ranks& ranks, const Configuration& what, const Placement& placement, bool scatter)
      : binding_(placement), ranks_(ranks), workers_(what.workers) {
    Order order{.kind = Order::Kind::prepare};
    Task& task = order.task;
    task.workload = static_cast<std::int32_t>(what.workload - workloads().data());
    task.type = what.type;
    task.scatter = scatter;
    task.cold = what.cache == Cache::cold;
    task.pinned = !placement.cpus.empty();
    task.elements = what.elements;
    task.workers = what.workers;
    if (placement.forms != nullptr) {
      task.form = ShortText(placement.forms->of(what, part_bytes(what)));
    }
    for (int rank = 1; rank < what.workers; ++rank) {
      const bool here = task.pinned && ranks.on_this_machine(rank);
      task.cpu = here ? placement.cpus[static_cast<std::size_t>(rank)] : -1;
      ranks.order(rank, order);
    }
    std::exception_ptr refused;
    try {
      part_ = std::make_unique<Part>(task, ranks.first(what.workers), 0, placement.allowed);
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

  std::vector<int> processes() const override { return ranks_.processes(workers_); }

  Verdict verify() override {
    order({.kind = Order::Kind::verify});
    std::vector<Report> all{part_->report()};
    for (const Report& report : reports()) all.push_back(report);
    return part_->judge(all);
  }

 private:
  /// To all other ranks.
  void order(const Order& order) {
    for (int rank = 1; rank < workers_; ++rank) ranks_.order(rank, order);
  }

  /// Of all of them, so that none is left over; then throws for the first that failed.
  std::vector<Report> reports() {
    std::vector<Report> reports;
    Reply worst;
    for (int rank = 1; rank < workers_; ++rank) {
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
  int workers_;
  std::unique_ptr<Part> part_;
};

class Mpi final : public ThreadedModel {
 public:
  explicit Mpi(Ranks* ranks)
      : ThreadedModel({mpi_offers({"scatter-gather", Variant::Role::step}, true),
                       mpi_offers({"slices"}, false)}),
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

  std::vector<Offer> mpi_offers(const Variant& variant, bool scatter) {
    return array_offers(
        variant,
        [this, scatter](const Configuration& what, const Placement& placement) {
          if (!unavailable().empty()) throw Unavailable(unavailable());
          if (what.workers > ranks_->size()) {
            throw Unavailable(fmt::format("{} need a rank each, and mpirun started {}",
                                          counted(what.workers, "worker"), ranks_->size()));
          }
          if (scatter && what.elements * size_of(what.type) > kMostScattered) {
            throw Unavailable("MPI counts what it scatters in an int: at most 128 GiB");
          }
          return std::make_unique<MpiOperation>(*ranks_, what, placement, scatter);
        },
        [scatter](const Configuration& what) {
          const auto arrays = static_cast<std::uint64_t>(what.workload->arrays);
          const auto workers = static_cast<std::uint64_t>(what.workers);
          const std::uint64_t bytes = what.elements * size_of(what.type);
          const std::uint64_t slices = arrays * workers * Buffer::mapped_bytes(bytes / workers);
          return scatter ? threaded_bytes(what) + slices : slices;
        });
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
      serve(ranks, [](auto&&... arguments) { return std::make_unique<Part>(arguments...); });
      return 0;
    }
    const int status = program(&ranks);
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
