#include <dlfcn.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "common/model.hpp"
#include "common/workloads/list.hpp"
#include "gpu/libraries.hpp"

#ifndef CROSSOVER_CUBLAS
#define CROSSOVER_CUBLAS fmt::format("libcublas.so.{}", CUDART_VERSION / 1000)
#endif

namespace crossover::gpu {

namespace {

// Of cuBLAS's C interface, the same in CUDA 12 and 13 (cublas_api.h).
using Status = int;          // 0: success
using Count = std::int64_t;  // of the routines with 64 bits
constexpr int kPointersOnDevice = 1;

void* load() {
  const std::string name = CROSSOVER_CUBLAS;
  void* library = dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
#ifdef CROSSOVER_CUDA_LIBRARY_DIR
  // Where the toolkit of the build keeps it: not every installation tells the loader.
  if (library == nullptr) {
    library = dlopen((CROSSOVER_CUDA_LIBRARY_DIR "/" + name).c_str(), RTLD_NOW | RTLD_LOCAL);
  }
#endif
  if (library == nullptr) {
    throw Unavailable(
        fmt::format("{} cannot be loaded: install cuBLAS, or add its folder to "
                    "LD_LIBRARY_PATH",
                    name));
  }
  return library;
}

void* find(const std::string& name) {
  static void* const library = load();
  void* const found = dlsym(library, name.c_str());
  if (found == nullptr) throw Unavailable(fmt::format("{} has no {}", CROSSOVER_CUBLAS, name));
  return found;
}

/// A function of cuBLAS, which is loaded when the first is asked for.
template <class Signature>
Signature* function(const std::string& name) {
  return reinterpret_cast<Signature*>(find(name));
}

/// cuBLAS's handle takes some dozens of MiB of device memory; what it answers where there is no
/// room is one of these. Where it is the device that failed, asking for its free memory throws.
constexpr Status kNotInitialised = 1;
constexpr Status kNoRoom = 3;

void check(Status status, const char* what) {
  if (status != 0) throw std::runtime_error(fmt::format("{} failed with status {}", what, status));
}

/// A handle that works in a stream.
std::shared_ptr<void> handle_in(const Stream& stream) {
  const auto destroy = function<Status(void*)>("cublasDestroy_v2");
  const auto set_stream = function<Status(void*, cudaStream_t)>("cublasSetStream_v2");
  stream.device().select();
  void* handle = nullptr;
  const Status status = function<Status(void**)>("cublasCreate_v2")(&handle);
  if (status == kNoRoom || status == kNotInitialised) {
    throw Unavailable(fmt::format(
        "{}: no room for cuBLAS: cublasCreate failed with status {}, {:.1f} MiB are free",
        stream.device().name(), status,
        static_cast<double>(stream.device().free_bytes()) / 0x1p20));
  }
  check(status, "cublasCreate");
  std::shared_ptr<void> owned(handle, destroy);
  check(set_stream(handle, stream.get()), "cublasSetStream");
  return owned;
}

/// How cuBLAS adds floats is not documented. It needs at least the 2^10 threads that occupy one
/// multiprocessor: a thread's chain of n / 2^10 additions, of a part of the sum as large, weighs as
/// n / 2^20 over all elements. What comes after that is added as by CUB.
template <class T>
Rounding cublas_rounding(std::uint64_t n) {
  Rounding rounding = library_rounding<T>(n);
  if (rounding.chain > 0) rounding.chain += n >> 20;
  return rounding;
}

template <class T>
Work make(const Target& target, const Blas& blas) {
  const auto handle = handle_in(target.stream);
  const auto n = static_cast<Count>(target.arrays.elements);
  const auto alpha = static_cast<T>(blas.alpha);
  const auto at = [arrays = target.arrays](int array, std::uint64_t set) {
    return reinterpret_cast<T*>(arrays.at(array, set));
  };
  const auto routine = [](const char* name) {  // cublasSscal_v2_64
    return fmt::format("cublas{}{}_v2_64", std::is_same_v<T, float> ? 'S' : 'D', name);
  };
  const auto map = [&](auto call) {
    return work_by(target.arrays.sets, [=](const Stream&, std::uint64_t set) {
      check(call(handle.get(), set), "cuBLAS's routine");
    });
  };
  const auto sum = [&](auto call) {
    // The result lies where the device reaches it, so that nobody waits.
    check(function<Status(void*, int)>("cublasSetPointerMode_v2")(handle.get(), kPointersOnDevice),
          "cublasSetPointerMode");
    return sum_work<T>(target, 2, cublas_rounding<T>(target.arrays.elements),
                       [=](const Stream&, std::uint64_t set, T* result) {
                         check(call(handle.get(), set, result), "cuBLAS's routine");
                       });
  };
  using X = const T*;
  switch (blas.call) {
    case Blas::Call::scal: {
      const auto scal = function<Status(void*, Count, X alpha, T*, Count)>(routine("scal"));
      return map([=](void* in, auto set) { return scal(in, n, &alpha, at(0, set), 1); });
    }
    case Blas::Call::copy: {
      const auto copy = function<Status(void*, Count, X, Count, T*, Count)>(routine("copy"));
      return map([=](void* in, auto set) { return copy(in, n, at(1, set), 1, at(0, set), 1); });
    }
    case Blas::Call::axpy: {
      const auto axpy =
          function<Status(void*, Count, X alpha, X, Count, T*, Count)>(routine("axpy"));
      return map(
          [=](void* in, auto set) { return axpy(in, n, &alpha, at(1, set), 1, at(0, set), 1); });
    }
    case Blas::Call::dot: {
      const auto dot =
          function<Status(void*, Count, X, Count, X, Count, T* result)>(routine("dot"));
      return sum([=](void* in, auto set, T* result) {
        return dot(in, n, at(0, set), 1, at(1, set), 1, result);
      });
    }
    case Blas::Call::asum: {
      const auto asum = function<Status(void*, Count, X, Count, T* result)>(routine("asum"));
      return sum([=](void* in, auto set, T* result) { return asum(in, n, at(0, set), 1, result); });
    }
    case Blas::Call::none:
      break;
  }
  throw std::invalid_argument("cuBLAS does not do " + target.workload.name);
}

/// The routine that the workload names, if it is one for its pattern.
Blas blas_of(const Workload& workload) {
  Blas blas;
  with_array_workload(workload, workload.types.front(), [&]<class Is>(const Is&, auto) {
    const auto fits = [](Blas::Call call, Pattern pattern, int arrays) {
      return Is::kBlas.call == call && Is::kPattern == pattern && Is::kArrays == arrays;
    };
    if (fits(Blas::Call::scal, Pattern::map_in_place, 1) ||
        fits(Blas::Call::copy, Pattern::map_into, 2) ||
        fits(Blas::Call::axpy, Pattern::map_in_place, 2) ||
        fits(Blas::Call::dot, Pattern::sum, 2) || fits(Blas::Call::asum, Pattern::sum, 1)) {
      blas = Is::kBlas;
    }
  });
  return blas;
}

Work make_work(const Target& target) {
  const Blas blas = blas_of(target.workload);
  if (target.type == ElementType::f32) return make<float>(target, blas);
  if (target.type == ElementType::f64) return make<double>(target, blas);
  throw std::invalid_argument("cuBLAS does not do " + target.workload.name + " of integers");
}

}  // namespace

Make cublas_work(const Workload& workload) {
  return blas_of(workload).call == Blas::Call::none ? Make{} : make_work;
}

}  // namespace crossover::gpu
