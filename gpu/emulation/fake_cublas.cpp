#include <cstdint>

#include "gpu/launch.hpp"

/// A library in cuBLAS's place, which does what BLAS says, one thread for all. The program that
/// loads it has the emulated runtime.
namespace {

struct Handle {
  void* workspace = nullptr;
  cudaStream_t stream = nullptr;
  int pointer_mode = 0;
};

constexpr int kNoRoom = 3;
constexpr int kBadArgument = 7;

/// Puts `body(i)` for all i into the handle's stream.
template <class Body>
int put(void* in, std::int64_t n, std::int64_t stride, Body body) {
  if (stride != 1) return kBadArgument;
  cudaLaunchConfig_t config{};
  config.stream = static_cast<Handle*>(in)->stream;
  return crossover::emulation::launch(config, in, [=] {
    for (std::int64_t i = 0; i < n; ++i) body(i);
  });
}

/// The same, with a result that starts from 0.
template <class T, class Body>
int put_sum(void* in, std::int64_t n, std::int64_t stride, T* result, Body body) {
  if (stride != 1 || static_cast<Handle*>(in)->pointer_mode != 1) return kBadArgument;
  cudaLaunchConfig_t config{};
  config.stream = static_cast<Handle*>(in)->stream;
  return crossover::emulation::launch(config, in, [=] {
    double sum = 0;
    for (std::int64_t i = 0; i < n; ++i) sum += body(i);
    *result = static_cast<T>(sum);
  });
}

}  // namespace

extern "C" {

int cublasCreate_v2(void** handle) {
  void* workspace = nullptr;
  if (cudaMalloc(&workspace, 4096) != cudaSuccess) return kNoRoom;
  *handle = new Handle{workspace};
  return 0;
}
int cublasDestroy_v2(void* handle) {
  cudaFree(static_cast<Handle*>(handle)->workspace);
  delete static_cast<Handle*>(handle);
  return 0;
}
int cublasSetStream_v2(void* handle, cudaStream_t stream) {
  static_cast<Handle*>(handle)->stream = stream;
  return 0;
}
int cublasSetPointerMode_v2(void* handle, int mode) {
  static_cast<Handle*>(handle)->pointer_mode = mode;
  return 0;
}

#define CROSSOVER_ROUTINES(S, T)                                                                   \
  int cublas##S##scal_v2_64(void* in, std::int64_t n, const T* alpha, T* x, std::int64_t stride) { \
    return put(in, n, stride, [=, a = *alpha](std::int64_t i) { x[i] *= a; });                     \
  }                                                                                                \
  int cublas##S##copy_v2_64(void* in, std::int64_t n, const T* x, std::int64_t, T* y,              \
                            std::int64_t stride) {                                                 \
    return put(in, n, stride, [=](std::int64_t i) { y[i] = x[i]; });                               \
  }                                                                                                \
  int cublas##S##axpy_v2_64(void* in, std::int64_t n, const T* alpha, const T* x, std::int64_t,    \
                            T* y, std::int64_t stride) {                                           \
    return put(in, n, stride, [=, a = *alpha](std::int64_t i) { y[i] += a * x[i]; });              \
  }                                                                                                \
  int cublas##S##dot_v2_64(void* in, std::int64_t n, const T* x, std::int64_t, const T* y,         \
                           std::int64_t stride, T* result) {                                       \
    return put_sum(in, n, stride, result, [=](std::int64_t i) { return x[i] * y[i]; });            \
  }                                                                                                \
  int cublas##S##asum_v2_64(void* in, std::int64_t n, const T* x, std::int64_t stride,             \
                            T* result) {                                                           \
    return put_sum(in, n, stride, result,                                                          \
                   [=](std::int64_t i) { return x[i] < 0 ? -x[i] : x[i]; });                       \
  }

CROSSOVER_ROUTINES(S, float)
CROSSOVER_ROUTINES(D, double)
}
