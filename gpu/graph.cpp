#include "gpu/graph.hpp"

#include <memory>
#include <type_traits>
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
      work.enqueue(stream, operations);
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
  struct Destroy {
    void operator()(cudaGraphExec_t executable) const { cudaGraphExecDestroy(executable); }
  };
  const Device* device_;
  std::unique_ptr<std::remove_pointer_t<cudaGraphExec_t>, Destroy> executable_;
};

/// What a graph takes over from the work that it captured; `Interface` is Work or SumWork<T>.
template <class Interface>
class Captured : public Interface {
 public:
  Captured(const Stream& stream, std::unique_ptr<Interface> inner)
      : inner_(std::move(inner)),
        one_(stream, *inner_, 1),
        many_(stream, *inner_, kGraphOperations) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (; operations >= kGraphOperations; operations -= kGraphOperations) many_.launch(stream);
    for (; operations > 0; --operations) one_.launch(stream);
  }
  int launches() const override { return inner_->launches(); }

 protected:
  std::unique_ptr<Interface> inner_;

 private:
  Graph one_;
  Graph many_;
};

template <class T>
class CapturedSum final : public Captured<SumWork<T>> {
 public:
  using Captured<SumWork<T>>::Captured;
  SumOf<T> sum() const override { return this->inner_->sum(); }
  void poison() override { this->inner_->poison(); }
  reduction::Rounding rounding() const override { return this->inner_->rounding(); }
};

}  // namespace

std::unique_ptr<Work> make_graph(const Stream& stream, std::unique_ptr<Work> inner) {
  return std::make_unique<Captured<Work>>(stream, std::move(inner));
}

template <class T>
std::unique_ptr<SumWork<T>> make_graph(const Stream& stream, std::unique_ptr<SumWork<T>> inner) {
  return std::make_unique<CapturedSum<T>>(stream, std::move(inner));
}

#define CROSSOVER_INSTANTIATE(T)                                           \
  template std::unique_ptr<SumWork<T>> make_graph<T>(const Stream& stream, \
                                                     std::unique_ptr<SumWork<T>> inner);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover::gpu
