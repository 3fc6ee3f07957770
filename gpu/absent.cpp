#include <nlohmann/json.hpp>

#include "gpu/models.hpp"

/// The CUDA half of a build without CUDA.
namespace crossover::gpu {

namespace {

class Absent final : public Model {
 public:
  std::string_view name() const override { return "cuda"; }
  std::string unavailable() const override {
    return "this program was built without CUDA: configure it where nvcc is on the PATH, or with "
           "-DCMAKE_CUDA_COMPILER=<path to nvcc>";
  }
  std::vector<Variant> variants(const Workload&, ElementType) const override { return {}; }
  std::vector<std::pair<std::string, std::vector<int>>> workers(const Sweeps&) const override {
    return {};
  }
  nlohmann::json hardware() const override {
    // Not an empty list: whether there are any is not known.
    return {{"gpus", nullptr}};
  }
  std::uint64_t host_bytes(const Configuration&) const override { return 0; }
  std::unique_ptr<Operation> prepare(const Configuration&, const Placement&) override {
    throw Unavailable(unavailable());
  }
};

}  // namespace

std::unique_ptr<Model> make_cuda() { return std::make_unique<Absent>(); }

}  // namespace crossover::gpu
