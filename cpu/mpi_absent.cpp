#include "cpu/mpi.hpp"
#include "cpu/operations.hpp"

/// The `mpi` model of a build without MPI.
namespace crossover::cpu {

namespace {

class Absent final : public ThreadedModel {
 public:
  Absent() : ThreadedModel({}) {}
  std::string_view name() const override { return "mpi"; }
  std::string unavailable() const override {
    return "this program was built without MPI: install one (Debian: libopenmpi-dev openmpi-bin) "
           "and build again";
  }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps&) const override {
    return {};
  }
};

}  // namespace

int with_ranks(const std::function<int(mpi::Ranks*)>& program) { return program(nullptr); }

std::unique_ptr<Model> make_mpi(mpi::Ranks*) { return std::make_unique<Absent>(); }

}  // namespace crossover::cpu
