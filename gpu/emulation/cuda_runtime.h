#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <tuple>
#include <type_traits>

#include "gpu/emulation/block.hpp"

/// The part of CUDA that this project uses, on the CPU: found in the place of the toolkit's header,
/// it lets the project's own sources be compiled and tested without a GPU, kernels and host code
/// alike. Streams run their work as late as CUDA allows: when somebody waits for it. So a
/// synchronisation that is missing shows on every run.

// The language.
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __grid_constant__

namespace crossover::emulation {
template <Extent Coordinates::*which>
struct Index {
  struct {
    operator unsigned() const { return x_of(which); }
  } x;
};
}  // namespace crossover::emulation
inline constexpr crossover::emulation::Index<&crossover::emulation::Coordinates::thread>
    threadIdx{};
inline constexpr crossover::emulation::Index<&crossover::emulation::Coordinates::block> blockIdx{};
inline constexpr crossover::emulation::Index<&crossover::emulation::Coordinates::block_size>
    blockDim{};
inline constexpr crossover::emulation::Index<&crossover::emulation::Coordinates::grid> gridDim{};

inline void __syncthreads() { crossover::emulation::barrier(); }
inline void __syncwarp(unsigned mask = 0xffffffffU) { crossover::emulation::warp_barrier(mask); }
inline void __threadfence() { crossover::emulation::fence(); }
inline void __nanosleep(unsigned) {}

template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta) {
  using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;
  const unsigned lane = threadIdx.x % 32;
  const unsigned source = lane + delta < 32 ? lane + delta : lane;
  return std::bit_cast<T>(
      static_cast<Bits>(crossover::emulation::exchange(mask, std::bit_cast<Bits>(value), source)));
}

inline unsigned __ballot_sync(unsigned mask, bool predicate) {
  return crossover::emulation::vote(mask, predicate);
}
inline int __popc(unsigned value) { return std::popcount(value); }

template <class T>
T atomicAdd(T* address, T value) {
  if (!crossover::emulation::addition_takes_place()) value = T{};
  return std::atomic_ref<T>(*address).fetch_add(value, std::memory_order_relaxed);
}
inline unsigned atomicInc(unsigned* address, unsigned limit) {
  std::atomic_ref<unsigned> value(*address);
  unsigned old = value.load(std::memory_order_relaxed);
  while (!value.compare_exchange_weak(old, old >= limit ? 0 : old + 1, std::memory_order_relaxed)) {
  }
  return old;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}

// The runtime.
#define CUDART_VERSION 13000

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInitializationError = 3,
  cudaErrorInsufficientDriver = 35,
  cudaErrorDevicesUnavailable = 46,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorNoKernelImageForDevice = 209,
  cudaErrorUnsupportedPtxVersion = 222,
  cudaErrorECCUncorrectable = 214,
  cudaErrorIllegalAddress = 700,
  cudaErrorLaunchTimeout = 702,
  cudaErrorHardwareStackError = 714,
  cudaErrorIllegalInstruction = 715,
  cudaErrorMisalignedAddress = 716,
  cudaErrorInvalidAddressSpace = 717,
  cudaErrorInvalidPc = 718,
  cudaErrorLaunchFailure = 719,
  cudaErrorNotReady = 600,
  cudaErrorNotSupported = 801,
  cudaErrorAssert = 710,
  cudaErrorUnknown = 999,
};
enum cudaMemcpyKind {
  cudaMemcpyHostToHost,
  cudaMemcpyHostToDevice,
  cudaMemcpyDeviceToHost,
  cudaMemcpyDeviceToDevice,
  cudaMemcpyDefault,
};
enum cudaDeviceAttr {
  cudaDevAttrMaxSharedMemoryPerBlockOptin,
  cudaDevAttrReservedSharedMemoryPerBlock,
  cudaDevAttrMaxSharedMemoryPerMultiprocessor,
  cudaDevAttrMultiProcessorCount,
  cudaDevAttrComputeCapabilityMajor,
  cudaDevAttrComputeCapabilityMinor,
  cudaDevAttrMemoryClockRate,
  cudaDevAttrClockRate,
  cudaDevAttrGlobalMemoryBusWidth,
  cudaDevAttrL2CacheSize,
  cudaDevAttrEccEnabled,
  cudaDevAttrAsyncEngineCount,
  cudaDevAttrSingleToDoublePrecisionPerfRatio,
};
enum cudaFuncAttribute { cudaFuncAttributeMaxDynamicSharedMemorySize };
enum cudaStreamCaptureMode { cudaStreamCaptureModeThreadLocal };
inline constexpr unsigned cudaStreamNonBlocking = 1;
inline constexpr unsigned cudaEventDisableTiming = 2;
inline constexpr unsigned cudaEventDefault = 0;
inline constexpr unsigned cudaHostAllocDefault = 0;
inline constexpr unsigned cudaHostAllocPortable = 1;
inline constexpr unsigned cudaHostAllocMapped = 2;
inline constexpr unsigned cudaHostAllocWriteCombined = 4;
inline constexpr unsigned cudaDeviceScheduleSpin = 1;

struct dim3 : crossover::emulation::Extent {
  dim3(unsigned vx = 1, unsigned vy = 1, unsigned vz = 1) : Extent{vx, vy, vz} {}
};
struct cudaDeviceProp {
  char name[256];
  std::size_t totalGlobalMem;
};
struct cudaFuncAttributes {
  int binaryVersion;
  int ptxVersion;
};
struct CUstream_st;
struct CUevent_st;
struct CUgraph_st;
struct CUgraphExec_st;
using cudaStream_t = CUstream_st*;
using cudaEvent_t = CUevent_st*;
using cudaGraph_t = CUgraph_st*;
using cudaGraphExec_t = CUgraphExec_st*;

enum cudaLaunchAttributeID { cudaLaunchAttributeProgrammaticStreamSerialization };
struct cudaLaunchAttribute {
  cudaLaunchAttributeID id;
  struct {
    int programmaticStreamSerializationAllowed;
  } val;
};
struct cudaLaunchConfig_t {
  dim3 gridDim;
  dim3 blockDim;
  std::size_t dynamicSmemBytes = 0;
  cudaStream_t stream = nullptr;
  cudaLaunchAttribute* attrs = nullptr;
  unsigned numAttrs = 0;
};

const char* cudaGetErrorString(cudaError_t error);
const char* cudaGetErrorName(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDeviceFlags(unsigned flags);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int device);
cudaError_t cudaDeviceGetPCIBusId(char* id, int length, int device);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMalloc(void** pointer, std::size_t bytes);
cudaError_t cudaFree(void* pointer);
cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags);
cudaError_t cudaFreeHost(void* pointer);
cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* at, int value, std::size_t bytes, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode mode);
cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph);
cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph,
                                 unsigned long long flags = 0);
cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream);
cudaError_t cudaGraphDestroy(cudaGraph_t graph);
cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop);

namespace crossover::emulation {

/// Puts a grid of a kernel, which its address names, into a stream. Its first launch loads its
/// code, which waits for what the stream has before it, as CUDA may.
cudaError_t launch(const cudaLaunchConfig_t& config, const void* kernel,
                   std::function<void()> body);
cudaError_t occupancy(int* blocks, int threads, std::size_t dynamic_shared_bytes);
cudaError_t function_attributes(cudaFuncAttributes* attributes);
cudaError_t set_function_attribute(cudaFuncAttribute attribute, int value);

/// The number of the multiprocessor that the block runs on.
unsigned multiprocessor_id();

}  // namespace crossover::emulation

template <class... Expected, class... Actual>
cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t* config, void (*kernel)(Expected...),
                               Actual&&... arguments) {
  return crossover::emulation::launch(
      *config, reinterpret_cast<const void*>(kernel),
      [kernel, values = std::tuple<Expected...>(arguments...)] { std::apply(kernel, values); });
}
template <class Kernel>
cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, Kernel*) {
  return crossover::emulation::function_attributes(attributes);
}
template <class Kernel>
cudaError_t cudaFuncSetAttribute(Kernel*, cudaFuncAttribute attribute, int value) {
  return crossover::emulation::set_function_attribute(attribute, value);
}
template <class Kernel>
cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, Kernel, int threads,
                                                          std::size_t dynamic_shared_bytes) {
  return crossover::emulation::occupancy(blocks, threads, dynamic_shared_bytes);
}
