#include "gpu/graph.hpp"

#include <memory>
#include <utility>

namespace crossover::gpu {

namespace {

/// `operations` operations of `work`, captured.
class Graph {
 public:
  Graph(const Stream& stream, Work& work, int operations) : device_(&stream.device()) {
    device_->check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
                   "beginning to capture a graph");
    cudaGraph_t graph = nullptr;
    try {
      work.enqueue(stream, 0, operations);
    } catch (...) {
      // The stream must leave its capture, or it can never be used again.
      if (cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess) cudaGraphDestroy(graph);
      throw;
    }
    device_->check(cudaStreamEndCapture(stream.get(), &graph), "capturing a graph");
    cudaGraphExec_t executable = nullptr;
    const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
    cudaGraphDestroy(graph);
    device_->check(status, "instantiating a graph");
    executable_.reset(executable);
    device_->check(cudaGraphUpload(executable, stream.get()), "uploading a graph");
  }

  void launch(const Stream& stream) const {
    device_->check(cudaGraphLaunch(executable_.get(), stream.get()), "launching a graph");
  }

 private:
  const Device* device_;
  Owned<cudaGraphExec_t, cudaGraphExecDestroy> executable_;
};

class Captured final : public Work {
 public:
  Captured(const Stream& stream, std::unique_ptr<Work> inner)
      : inner_(std::move(inner)),
        one_(stream, *inner_, 1),
        many_(stream, *inner_, kGraphOperations) {}
  void enqueue(const Stream& stream, std::int64_t, std::int64_t operations) override {
    for (; operations >= kGraphOperations; operations -= kGraphOperations) many_.launch(stream);
    for (; operations > 0; --operations) one_.launch(stream);
  }
  int launches() const override { return inner_->launches(); }
  Total sum(std::uint64_t set) const override { return inner_->sum(set); }
  void poison() override { inner_->poison(); }
  Rounding rounding() const override { return inner_->rounding(); }

 private:
  std::unique_ptr<Work> inner_;
  Graph one_;
  Graph many_;
};

}  // namespace

std::unique_ptr<Work> make_graph(const Stream& stream, std::unique_ptr<Work> inner) {
  return std::make_unique<Captured>(stream, std::move(inner));
}

}  // namespace crossover::gpu
