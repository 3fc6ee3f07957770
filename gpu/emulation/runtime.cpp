#include <cuda_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "gpu/emulation/machine.hpp"

namespace {

using crossover::emulation::machine;
using Task = std::function<void()>;

}  // namespace

struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};
struct CUstream_st {
  int device = 0;
  std::deque<Task> tasks;
  std::unique_ptr<CUgraph_st> capture;
};
struct CUevent_st {
  std::uint64_t recorded = 0;
  std::uint64_t completed = 0;
  cudaStream_t stream = nullptr;
  std::chrono::steady_clock::time_point at;
};

namespace {

struct Allocation {
  std::unique_ptr<std::byte[]> memory;
  std::size_t bytes = 0;
  int device = -1;  // -1: the host
};

struct RuntimeState {
  int device = 0;
  cudaError_t sticky = cudaSuccess;
  cudaError_t last = cudaSuccess;
  std::map<const void*, Allocation> allocations;
  std::set<const void*> loaded;  // kernels
  int objects = 0;
  std::uint64_t tickets = 0;
  int running_device = 0;
};

RuntimeState& state() {
  static RuntimeState state;
  return state;
}

cudaError_t returned(cudaError_t error) {
  if (error != cudaSuccess) state().last = error;
  return error;
}

/// What happens to this call, whatever it is about.
cudaError_t called(const char* function, bool needs_context = true) {
  ++machine().calls[function];
  if (const auto found = machine().faults.find(function); found != machine().faults.end()) {
    if (found->second.after-- <= 0) {
      const auto [error, after, sticky] = found->second;
      if (sticky) {
        state().sticky = error;
      } else {
        machine().faults.erase(found);
      }
      return returned(error);
    }
  }
  if (machine().driver_version < machine().runtime_version / 1000 * 1000) {
    return returned(cudaErrorInsufficientDriver);
  }
  if (machine().devices.empty()) return returned(cudaErrorNoDevice);
  if (needs_context && state().sticky != cudaSuccess) return returned(state().sticky);
  return cudaSuccess;
}

void run_one(CUstream_st& stream) {
  Task task = std::move(stream.tasks.front());
  stream.tasks.pop_front();
  const int outer = std::exchange(state().running_device, stream.device);
  task();
  state().running_device = outer;
}

void drain(CUstream_st& stream) {
  while (!stream.tasks.empty()) run_one(stream);
}

void submit(cudaStream_t stream, Task task) {
  if (stream->capture != nullptr) {
    stream->capture->tasks.push_back(std::move(task));
  } else {
    stream->tasks.push_back(std::move(task));
  }
}

std::size_t used(int device) {
  std::size_t bytes = 0;
  for (const auto& [at, allocation] : state().allocations) {
    if (allocation.device == device) bytes += allocation.bytes;
  }
  return bytes;
}

/// The memory of the device whose grid runs, to be hidden.
std::vector<crossover::emulation::Hidden> memory_to_hide() {
  std::vector<crossover::emulation::Hidden> all;
  for (const auto& [at, allocation] : state().allocations) {
    if (allocation.device != state().running_device) continue;
    all.push_back({allocation.memory.get(), std::vector(allocation.bytes, std::byte{0xff})});
  }
  return all;
}

cudaError_t allocate(void** pointer, std::size_t bytes, int device) {
  Allocation allocation{std::unique_ptr<std::byte[]>(new std::byte[bytes]), bytes, device};
  std::memset(allocation.memory.get(), 0xff, bytes);
  *pointer = allocation.memory.get();
  state().allocations.emplace(*pointer, std::move(allocation));
  return cudaSuccess;
}

cudaError_t release(void* pointer) {
  if (pointer == nullptr) return cudaSuccess;
  // Waits for the device, as cudaFree does.
  if (state().allocations.erase(pointer) == 0) return returned(cudaErrorInvalidValue);
  return cudaSuccess;
}

}  // namespace

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorIllegalAddress:
      return "cudaErrorIllegalAddress";
    case cudaErrorNoKernelImageForDevice:
      return "cudaErrorNoKernelImageForDevice";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
    default:
      return "cudaErrorOther";
  }
}
const char* cudaGetErrorString(cudaError_t error) {
  switch (error) {
    case cudaErrorMemoryAllocation:
      return "out of memory";
    case cudaErrorIllegalAddress:
      return "an illegal memory access was encountered";
    case cudaErrorNoKernelImageForDevice:
      return "no kernel image is available for execution on the device";
    case cudaErrorLaunchFailure:
      return "unspecified launch failure";
    default:
      return "an emulated error";
  }
}
cudaError_t cudaGetLastError() {
  if (state().sticky != cudaSuccess) return state().sticky;
  return std::exchange(state().last, cudaSuccess);
}
cudaError_t cudaDriverGetVersion(int* version) {
  *version = machine().driver_version;
  return cudaSuccess;
}
cudaError_t cudaRuntimeGetVersion(int* version) {
  *version = machine().runtime_version;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (const cudaError_t error = called(__func__, false)) return error;
  *count = static_cast<int>(machine().devices.size());
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (const cudaError_t error = called(__func__)) return error;
  if (device < 0 || device >= static_cast<int>(machine().devices.size())) {
    return returned(cudaErrorInvalidDevice);
  }
  state().device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = state().device;
  return cudaSuccess;
}
cudaError_t cudaSetDeviceFlags(unsigned) {
  if (const cudaError_t error = called(__func__)) return error;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (const cudaError_t error = called(__func__, false)) return error;
  const auto& model = machine().devices.at(static_cast<std::size_t>(device));
  std::snprintf(properties->name, sizeof properties->name, "%s", model.name.c_str());
  properties->totalGlobalMem = model.memory;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device) {
  if (const cudaError_t error = called(__func__, false)) return error;
  const auto& model = machine().devices.at(static_cast<std::size_t>(device));
  switch (attribute) {
    case cudaDevAttrMaxSharedMemoryPerBlockOptin:
      *value = model.shared_per_block;
      break;
    case cudaDevAttrReservedSharedMemoryPerBlock:
      *value = 1024;
      break;
    case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
      *value = model.shared_per_multiprocessor;
      break;
    case cudaDevAttrMultiProcessorCount:
      *value = model.multiprocessors;
      break;
    case cudaDevAttrComputeCapabilityMajor:
      *value = model.major;
      break;
    case cudaDevAttrComputeCapabilityMinor:
      *value = model.minor;
      break;
    case cudaDevAttrMemoryClockRate:
      *value = model.memory_clock_khz;
      break;
    case cudaDevAttrClockRate:
      *value = model.clock_khz;
      break;
    case cudaDevAttrGlobalMemoryBusWidth:
      *value = model.bus_width_bits;
      break;
    case cudaDevAttrL2CacheSize:
      *value = model.l2_bytes;
      break;
    case cudaDevAttrEccEnabled:
      *value = 1;
      break;
    case cudaDevAttrAsyncEngineCount:
      *value = 3;
      break;
    case cudaDevAttrSingleToDoublePrecisionPerfRatio:
      *value = model.single_to_double;
      break;
  }
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device) {
  if (const cudaError_t error = called(__func__, false)) return error;
  std::snprintf(id, static_cast<std::size_t>(length), "%s",
                machine().devices.at(static_cast<std::size_t>(device)).pci.c_str());
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  if (const cudaError_t error = called(__func__)) return error;
  *total = machine().devices.at(static_cast<std::size_t>(state().device)).memory;
  *free = *total - used(state().device);
  return cudaSuccess;
}
cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  if (const cudaError_t error = called(__func__)) return error;
  const auto& model = machine().devices.at(static_cast<std::size_t>(state().device));
  if (used(state().device) + bytes > model.memory) return returned(cudaErrorMemoryAllocation);
  return allocate(pointer, bytes, state().device);
}
cudaError_t cudaFree(void* pointer) {
  if (const cudaError_t error = called(__func__)) return error;
  return release(pointer);
}
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned) {
  if (const cudaError_t error = called(__func__)) return error;
  return allocate(pointer, bytes, -1);
}
cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = called(__func__)) return error;
  return release(pointer);
}
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t error = called(__func__)) return error;
  // To the device it returns before the bytes are there, and no stream of this project waits for
  // it.
  if (kind != cudaMemcpyDeviceToHost) return returned(cudaErrorInvalidValue);
  std::memcpy(to, from, bytes);
  return cudaSuccess;
}
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind,
                            cudaStream_t stream) {
  if (const cudaError_t error = called(__func__)) return error;
  submit(stream, [=] { std::memcpy(to, from, machine().arriving(bytes)); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t stream) {
  if (const cudaError_t error = called(__func__)) return error;
  submit(stream, [=] { std::memset(at, value, bytes); });
  return cudaSuccess;
}
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  if (const cudaError_t error = called(__func__)) return error;
  *stream = new CUstream_st{state().device, {}, nullptr};
  ++state().objects;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  --state().objects;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  if (const cudaError_t error = called(__func__)) return error;
  drain(*stream);
  return cudaSuccess;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (const cudaError_t error = called(__func__)) return error;
  submit(stream, [event, ticket = event->recorded] {
    while (event->completed < ticket) run_one(*event->stream);
  });
  return cudaSuccess;
}
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  if (const cudaError_t error = called(__func__)) return error;
  stream->capture = std::make_unique<CUgraph_st>();
  return cudaSuccess;
}
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  if (const cudaError_t error = called(__func__)) return error;
  *graph = stream->capture.release();
  ++state().objects;
  return cudaSuccess;
}
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  if (const cudaError_t error = called(__func__)) return error;
  *exec = new CUgraphExec_st{graph->tasks};
  ++state().objects;
  return cudaSuccess;
}
cudaError_t cudaGraphUpload(cudaGraphExec_t, cudaStream_t) {
  if (const cudaError_t error = called(__func__)) return error;
  return cudaSuccess;
}
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  if (const cudaError_t error = called(__func__)) return error;
  for (const Task& task : exec->tasks) submit(stream, task);
  return cudaSuccess;
}
cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  delete graph;
  --state().objects;
  return cudaSuccess;
}
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  delete exec;
  --state().objects;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  if (const cudaError_t error = called(__func__)) return error;
  *event = new CUevent_st{};
  ++state().objects;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  --state().objects;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  if (const cudaError_t error = called(__func__)) return error;
  event->recorded = ++state().tickets;
  event->stream = stream;
  submit(stream, [event, ticket = event->recorded] {
    event->completed = ticket;
    event->at = std::chrono::steady_clock::now();
  });
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (const cudaError_t error = called(__func__)) return error;
  while (event->completed < event->recorded) run_one(*event->stream);
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  if (const cudaError_t error = called(__func__)) return error;
  if (start->completed < start->recorded || stop->completed < stop->recorded) {
    return cudaErrorNotReady;
  }
  *milliseconds = std::chrono::duration<float, std::milli>(stop->at - start->at).count();
  return cudaSuccess;
}

namespace crossover::emulation {

Machine& machine() {
  static Machine machine;
  return machine;
}

void reset_machine() {
  machine() = Machine{};
  schedule() = Schedule{};
  state().sticky = cudaSuccess;
  state().last = cudaSuccess;
  state().device = 0;
  state().loaded.clear();
}

void forget_allocations() { state().allocations.clear(); }

std::size_t live_bytes() {
  std::size_t bytes = 0;
  for (const auto& [at, allocation] : state().allocations) bytes += allocation.bytes;
  return bytes;
}
int live_objects() { return state().objects; }

cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::function<void()> body) {
  if (const cudaError_t error = called("cudaLaunchKernelEx"); error != cudaSuccess) return error;
  if (config.gridDim.x == 0 || config.blockDim.x == 0 || config.blockDim.x > 1024 ||
      config.gridDim.x > 0x7fffffffU) {
    return returned(cudaErrorInvalidValue);
  }
  machine().most_shared_bytes = std::max(machine().most_shared_bytes, config.dynamicSmemBytes);
  if (state().loaded.insert(kernel).second) drain(*config.stream);
  const bool early = config.numAttrs == 1 &&
                     config.attrs[0].id == cudaLaunchAttributeProgrammaticStreamSerialization &&
                     config.attrs[0].val.programmaticStreamSerializationAllowed == 1;
  const auto& model = machine().devices.at(static_cast<std::size_t>(config.stream->device));
  if (early && model.major < 9) return returned(cudaErrorNotSupported);
  machine().early_launches += early ? 1 : 0;
  submit(config.stream, [=, grid = config.gridDim, block = config.blockDim,
                         shared = config.dynamicSmemBytes, body = std::move(body)] {
    run_grid(grid, block, shared, body, early ? memory_to_hide() : std::vector<Hidden>{});
  });
  return cudaSuccess;
}

cudaError_t occupancy(int* blocks, int threads, std::size_t dynamic_shared_bytes) {
  if (const cudaError_t error = called("cudaOccupancyMaxActiveBlocksPerMultiprocessor");
      error != cudaSuccess) {
    return error;
  }
  const auto& model = machine().devices.at(static_cast<std::size_t>(state().device));
  // Two blocks where hardware has eight: grids of a handful of blocks are enough to test.
  *blocks = threads > 1024 ? 0 : 2;
  const auto room = static_cast<std::size_t>(model.shared_per_multiprocessor);
  if (dynamic_shared_bytes > 0) {
    *blocks = std::min(*blocks, static_cast<int>(room / (dynamic_shared_bytes + 1024)));
  }
  return cudaSuccess;
}

cudaError_t function_attributes(cudaFuncAttributes* attributes) {
  if (const cudaError_t error = called("cudaFuncGetAttributes"); error != cudaSuccess) return error;
  *attributes = {machine().ptx_version, machine().ptx_version};
  return cudaSuccess;
}

cudaError_t set_function_attribute(cudaFuncAttribute, int value) {
  if (const cudaError_t error = called("cudaFuncSetAttribute"); error != cudaSuccess) return error;
  const auto& model = machine().devices.at(static_cast<std::size_t>(state().device));
  return value <= model.shared_per_block ? cudaSuccess : returned(cudaErrorInvalidValue);
}

unsigned multiprocessor_id() {
  const auto& model = machine().devices.at(static_cast<std::size_t>(state().running_device));
  return machine().placement(x_of(&Coordinates::block), model.multiprocessors);
}

}  // namespace crossover::emulation
