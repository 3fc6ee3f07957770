#include "gpu/work.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace crossover::gpu {

namespace {

/// `operations` operations of `work`, captured.
std::shared_ptr<std::remove_pointer_t<cudaGraphExec_t>> captured(const Stream& stream,
                                                                 const Work& work, int operations) {
  const Device& device = stream.device();
  device.check(cudaStreamBeginCapture(stream.get(), cudaStreamCaptureModeThreadLocal),
               "beginning to capture a graph");
  cudaGraph_t graph = nullptr;
  try {
    work.enqueue(stream, 0, operations);
  } catch (...) {
    // The stream must leave its capture, or it can never be used again.
    if (cudaStreamEndCapture(stream.get(), &graph) == cudaSuccess) cudaGraphDestroy(graph);
    throw;
  }
  device.check(cudaStreamEndCapture(stream.get(), &graph), "capturing a graph");
  cudaGraphExec_t executable = nullptr;
  const cudaError_t status = cudaGraphInstantiate(&executable, graph, 0);
  cudaGraphDestroy(graph);
  device.check(status, "instantiating a graph");
  std::shared_ptr<std::remove_pointer_t<cudaGraphExec_t>> owned(executable, cudaGraphExecDestroy);
  device.check(cudaGraphUpload(executable, stream.get()), "uploading a graph");
  return owned;
}

}  // namespace

Work work_by(std::uint64_t sets, Put put) {
  return {[sets, put = std::move(put)](const Stream& stream, std::int64_t first,
                                       std::int64_t operations) {
    for (std::int64_t i = first; i < first + operations; ++i) {
      put(stream, static_cast<std::uint64_t>(i) % sets);
    }
  }};
}

Work as_graph(const Stream& stream, Work inner) {
  const auto launch = [](const Stream& on, const auto& graph) {
    on.device().check(cudaGraphLaunch(graph.get(), on.get()), "launching a graph");
  };
  inner.enqueue = [=, one = captured(stream, inner, 1),
                   many = captured(stream, inner, kGraphOperations),
                   keep = inner.enqueue](  // what the graphs work with
                      const Stream& on, std::int64_t, std::int64_t operations) {
    for (; operations >= kGraphOperations; operations -= kGraphOperations) launch(on, many);
    for (; operations > 0; --operations) launch(on, one);
  };
  return inner;
}

std::string misplaced(const Work& work, const Device& device) {
  if (!work.seen || work.seen->size() == 0) return {};
  std::vector<unsigned> on(work.seen->size());
  device.select();
  device.check(cudaMemcpy(on.data(), work.seen->data(), on.size() * sizeof(unsigned),
                          cudaMemcpyDeviceToHost),
               "reading where the blocks ran");
  std::sort(on.begin(), on.end());
  const auto distinct = std::unique(on.begin(), on.end()) - on.begin();
  if (distinct == static_cast<std::ptrdiff_t>(on.size())) return {};
  return fmt::format("{} blocks ran on {} multiprocessors", on.size(), distinct);
}

}  // namespace crossover::gpu
