#include "gpu/cublas.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <string>

#include "common/model.hpp"

namespace crossover::gpu {

namespace {

// cuBLAS's C interface, as far as it is used; the same in CUDA 12 and 13 (cublas_api.h).
using Handle = void*;
using Status = int;  // 0: success
using Create = Status (*)(Handle*);
using Destroy = Status (*)(Handle);
using SetStream = Status (*)(Handle, cudaStream_t);
template <class T>
using Scal = Status (*)(Handle, std::int64_t n, const T* alpha, T* x, std::int64_t stride);

struct Library {
  Create create = nullptr;
  Destroy destroy = nullptr;
  SetStream set_stream = nullptr;
  Scal<float> scal_f32 = nullptr;
  Scal<double> scal_f64 = nullptr;
};

Library load() {
  const std::string name = fmt::format("libcublas.so.{}", CUDART_VERSION / 1000);
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
  const auto find = [&](auto& function, const char* symbol) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, symbol));
    if (function == nullptr) throw Unavailable(fmt::format("{} has no {}", name, symbol));
  };
  Library functions;
  find(functions.create, "cublasCreate_v2");
  find(functions.destroy, "cublasDestroy_v2");
  find(functions.set_stream, "cublasSetStream_v2");
  find(functions.scal_f32, "cublasSscal_v2_64");
  find(functions.scal_f64, "cublasDscal_v2_64");
  return functions;
}

const Library& library() {
  static const Library loaded = load();
  return loaded;
}

template <class T>
class CublasDouble final : public Work {
 public:
  CublasDouble(const Device& device, T* x, std::uint64_t n)
      : x_(x), n_(static_cast<std::int64_t>(n)) {
    device.select();
    check(library().create(&handle_), "cublasCreate");
  }
  CublasDouble(const CublasDouble&) = delete;
  CublasDouble& operator=(const CublasDouble&) = delete;
  ~CublasDouble() override { library().destroy(handle_); }

  void enqueue(const Stream& stream, std::int64_t operations) override {
    if (stream.get() != stream_) {
      check(library().set_stream(handle_, stream.get()), "cublasSetStream");
      stream_ = stream.get();
    }
    for (std::int64_t i = 0; i < operations; ++i) {
      const T two = 2;
      if constexpr (std::is_same_v<T, float>) {
        check(library().scal_f32(handle_, n_, &two, x_, 1), "cublasSscal");
      } else {
        check(library().scal_f64(handle_, n_, &two, x_, 1), "cublasDscal");
      }
    }
  }

 private:
  static void check(Status status, const char* what) {
    if (status != 0) {
      throw std::runtime_error(fmt::format("{} failed with status {}", what, status));
    }
  }
  T* x_;
  std::int64_t n_;
  Handle handle_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

}  // namespace

std::unique_ptr<Work> make_cublas_double(const Device& device, float* x, std::uint64_t n) {
  return std::make_unique<CublasDouble<float>>(device, x, n);
}
std::unique_ptr<Work> make_cublas_double(const Device& device, double* x, std::uint64_t n) {
  return std::make_unique<CublasDouble<double>>(device, x, n);
}

}  // namespace crossover::gpu
