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
  const std::vector<Offer>& offers() const override { return none_; }
  std::vector<std::pair<Devices, std::vector<int>>> workers(const Sweeps&) const override {
    return {};
  }
  nlohmann::json hardware() const override {
    // Not an empty list: whether there are any is not known.
    return {{"gpus", nullptr}};
  }

 private:
  std::vector<Offer> none_;
};

}  // namespace

std::unique_ptr<Model> make_cuda() { return std::make_unique<Absent>(); }

}  // namespace crossover::gpu
