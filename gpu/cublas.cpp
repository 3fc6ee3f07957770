#include <dlfcn.h>
#include <fmt/format.h>

#include <memory>
#include <string>

#include "common/model.hpp"
#include "common/workloads/list.hpp"
#include "gpu/libraries.hpp"
#include "gpu/library_sum.hpp"
#include "gpu/placement.hpp"

#ifndef CROSSOVER_CUBLAS
#define CROSSOVER_CUBLAS fmt::format("libcublas.so.{}", CUDART_VERSION / 1000)
#endif

namespace crossover::gpu {

namespace {

// cuBLAS's C interface, as far as it is used; the same in CUDA 12 and 13 (cublas_api.h).
using Status = int;  // 0: success
constexpr int kPointersOnDevice = 1;

/// The routines of one type, with counts of 64 bits.
template <class T>
struct Routines {
  using Count = std::int64_t;
  Status (*scal)(void*, Count n, const T* alpha, T* x, Count stride) = nullptr;
  Status (*copy)(void*, Count n, const T* x, Count, T* y, Count) = nullptr;
  Status (*axpy)(void*, Count n, const T* alpha, const T* x, Count, T* y, Count) = nullptr;
  Status (*dot)(void*, Count n, const T* x, Count, const T* y, Count, T* result) = nullptr;
  Status (*asum)(void*, Count n, const T* x, Count, T* result) = nullptr;
};

struct Cublas {
  Status (*create)(void**) = nullptr;
  Status (*destroy)(void*) = nullptr;
  Status (*set_stream)(void*, cudaStream_t) = nullptr;
  Status (*set_pointer_mode)(void*, int) = nullptr;
  Routines<float> f32;
  Routines<double> f64;
};

Cublas load() {
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
  const auto find = [&](auto& function, const std::string& symbol) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
        dlsym(library, symbol.c_str()));
    if (function == nullptr) throw Unavailable(fmt::format("{} has no {}", name, symbol));
  };
  const auto find_all = [&](auto& routines, char type) {
    find(routines.scal, fmt::format("cublas{}scal_v2_64", type));
    find(routines.copy, fmt::format("cublas{}copy_v2_64", type));
    find(routines.axpy, fmt::format("cublas{}axpy_v2_64", type));
    find(routines.dot, fmt::format("cublas{}dot_v2_64", type));
    find(routines.asum, fmt::format("cublas{}asum_v2_64", type));
  };
  Cublas functions;
  find(functions.create, "cublasCreate_v2");
  find(functions.destroy, "cublasDestroy_v2");
  find(functions.set_stream, "cublasSetStream_v2");
  find(functions.set_pointer_mode, "cublasSetPointerMode_v2");
  find_all(functions.f32, 'S');
  find_all(functions.f64, 'D');
  return functions;
}

const Cublas& cublas() {
  static const Cublas loaded = load();
  return loaded;
}

void check(Status status, const char* what) {
  if (status != 0) throw std::runtime_error(fmt::format("{} failed with status {}", what, status));
}

class Handle {
 public:
  explicit Handle(const Device& device) {
    device.select();
    check(cublas().create(&handle_), "cublasCreate");
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  ~Handle() { cublas().destroy(handle_); }

  /// Where scalars lie that routines write: in memory that the device reaches, so that nobody
  /// waits.
  void results_on_device() const {
    check(cublas().set_pointer_mode(handle_, kPointersOnDevice), "cublasSetPointerMode");
  }
  void* in(const Stream& stream) {
    if (stream.get() != stream_) {
      check(cublas().set_stream(handle_, stream.get()), "cublasSetStream");
      stream_ = stream.get();
    }
    return handle_;
  }

 private:
  void* handle_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

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
std::unique_ptr<Work> make(const Target& target, const Routines<T>& routines, const Blas& blas) {
  const auto handle = std::make_shared<Handle>(target.device());
  const auto n = static_cast<std::int64_t>(target.arrays.elements);
  const auto alpha = static_cast<T>(blas.alpha);
  const auto at = [arrays = target.arrays](int array, std::uint64_t set) {
    return reinterpret_cast<T*>(arrays.at(array, set));
  };
  const auto map = [&](auto&& call) {
    return std::make_unique<KernelWork>(target.arrays.sets,
                                        [=](const Stream& stream, std::uint64_t set, unsigned*) {
                                          check(call(handle->in(stream), set), "cuBLAS's routine");
                                        });
  };
  const auto sum = [&](auto&& call) {
    handle->results_on_device();
    return std::make_unique<LibrarySum<T>>(target, cublas_rounding<T>(target.arrays.elements),
                                           [=](const Stream& stream, std::uint64_t set, T* result) {
                                             check(call(handle->in(stream), set, result),
                                                   "cuBLAS's routine");
                                           });
  };
  switch (blas.call) {
    case Blas::Call::scal:
      return map([=](void* in, auto set) { return routines.scal(in, n, &alpha, at(0, set), 1); });
    case Blas::Call::copy:
      return map(
          [=](void* in, auto set) { return routines.copy(in, n, at(1, set), 1, at(0, set), 1); });
    case Blas::Call::axpy:
      return map([=](void* in, auto set) {
        return routines.axpy(in, n, &alpha, at(1, set), 1, at(0, set), 1);
      });
    case Blas::Call::dot:
      return sum([=](void* in, auto set, T* result) {
        return routines.dot(in, n, at(0, set), 1, at(1, set), 1, result);
      });
    case Blas::Call::asum:
      return sum([=](void* in, auto set, T* result) {
        return routines.asum(in, n, at(0, set), 1, result);
      });
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

std::unique_ptr<Work> make_work(const Target& target) {
  const Blas blas = blas_of(target.workload);
  if (target.type == ElementType::f32) return make<float>(target, cublas().f32, blas);
  if (target.type == ElementType::f64) return make<double>(target, cublas().f64, blas);
  throw std::invalid_argument("cuBLAS does not do " + target.workload.name + " of integers");
}

}  // namespace

Make cublas_work(const Workload& workload) {
  return blas_of(workload).call == Blas::Call::none ? nullptr : make_work;
}

}  // namespace crossover::gpu
