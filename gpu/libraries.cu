#include <cub/device/device_reduce.cuh>
#include <cub/version.cuh>
#if __has_include(<cub/device/device_transform.cuh>)
#include <cub/device/device_transform.cuh>
#define CROSSOVER_CUB_TRANSFORM 1
#elif __has_include(<cub/device/device_for.cuh>)
#include <cub/device/device_for.cuh>
#define CROSSOVER_CUB_FOR 1
#endif
#include <thrust/execution_policy.h>
#include <thrust/reduce.h>

#include <climits>
#include <cstring>
#include <exception>
#include <string>

#include "common/model.hpp"
#include "gpu/cublas.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

/// The libraries' versions, called as their documentation shows.
namespace crossover::gpu {

namespace {

#if defined(CROSSOVER_CUB_TRANSFORM)

struct Twice {
  template <class W>
  __device__ W operator()(W x) const {
    return x + x;
  }
};
template <class W>
cudaError_t cub_double(W* x, std::uint64_t n, cudaStream_t stream) {
  return cub::DeviceTransform::Transform(x, x, n, Twice{}, stream);
}

#elif defined(CROSSOVER_CUB_FOR)

struct DoubleIt {
  template <class W>
  __device__ void operator()(W& x) const {
    x += x;
  }
};
template <class W>
cudaError_t cub_double(W* x, std::uint64_t n, cudaStream_t stream) {
  return cub::DeviceFor::ForEachN(x, n, DoubleIt{}, stream);
}

#else

template <class W>
cudaError_t cub_double(W*, std::uint64_t, cudaStream_t) {
  return cudaErrorInvalidValue;  // has_library() has said that there is none
}

#endif

template <class W>
class CubDouble final : public Work {
 public:
  CubDouble(W* x, std::uint64_t n) : x_(x), n_(n) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      stream.device().check(cub_double(x_, n_, stream.get()), "CUB's transform");
    }
  }

 private:
  W* x_;
  std::uint64_t n_;
};

/// How CUB adds: floats in floats, tiles of 16 elements a thread, blocks, then the blocks' sums.
/// Its additions' partial sums weigh as those of a chain of at most 98 over all elements: 16 in a
/// thread's tile and some hundred tiles, each of a small part of the sum, then a tree over the
/// block, then at most some dozens a thread and a tree over all of it.
template <class T>
reduction::Rounding library_rounding(std::uint64_t n) {
  return std::is_same_v<T, float> ? reduction::Rounding{98, n} : reduction::Rounding{0, 0};
}

template <class T>
class CubSum final : public SumWork<T> {
 public:
  using W = Word<T>;
  CubSum(const Device& device, const W* x, std::uint64_t n) : x_(x), n_(n), result_(device, 1) {
    device.select();
    device.check(cub::DeviceReduce::Sum(nullptr, bytes_, x_, result_.data(), count()), "CUB's sum");
    storage_ = DeviceArray<unsigned char>(device, bytes_);
  }
  int launches() const override { return 2; }
  reduction::Rounding rounding() const override {
    // Doubles are added in doubles, in chains that the bound for double precision covers.
    return library_rounding<T>(n_);
  }
  SumOf<T> sum() const override {
    T value;
    std::memcpy(&value, result_.data(), sizeof value);
    return static_cast<SumOf<T>>(value);
  }
  void poison() override { std::memset(result_.data(), 0xff, sizeof(W)); }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      stream.device().check(cub::DeviceReduce::Sum(storage_.data(), bytes_, x_, result_.data(),
                                                   count(), stream.get()),
                            "CUB's sum");
    }
  }

 private:
#if CUB_VERSION >= 200300
  std::uint64_t count() const { return n_; }
#else
  int count() const { return static_cast<int>(n_); }  // make_library_sum() has seen to it
#endif
  const W* x_;
  std::uint64_t n_;
  std::size_t bytes_ = 0;
  DeviceArray<unsigned char> storage_;
  PinnedArray<W> result_;
};

/// thrust::reduce as users call it: it allocates, launches, copies and waits by itself.
template <class T>
class ThrustSum final : public SumWork<T> {
 public:
  using W = Word<T>;
  ThrustSum(const W* x, std::uint64_t n) : x_(x), n_(n) {}
  reduction::Rounding rounding() const override { return library_rounding<T>(n_); }
  SumOf<T> sum() const override {
    T value;
    std::memcpy(&value, &result_, sizeof value);
    return static_cast<SumOf<T>>(value);
  }
  void poison() override { std::memset(&result_, 0xff, sizeof result_); }
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      try {
        result_ = thrust::reduce(thrust::cuda::par.on(stream.get()), x_, x_ + n_);
      } catch (const std::exception& error) {
        // thrust has its own exceptions; the error behind them is the device's.
        stream.device().check(cudaGetLastError(), std::string("thrust::reduce: ") + error.what());
        throw;
      }
    }
  }

 private:
  const W* x_;
  std::uint64_t n_;
  W result_{};
};

}  // namespace

bool has_library(std::string_view workload, ElementType type, std::string_view library) {
  if (workload == "reduce") return library == "cub" || library == "thrust";
  if (library == "cublas") return type == ElementType::f32 || type == ElementType::f64;
#if defined(CROSSOVER_CUB_TRANSFORM) || defined(CROSSOVER_CUB_FOR)
  return library == "cub";
#else
  return false;
#endif
}

std::string library_versions() {
  std::string text = "CUB " + std::to_string(CUB_VERSION / 100000) + "." +
                     std::to_string(CUB_VERSION / 100 % 1000) + "." +
                     std::to_string(CUB_VERSION % 100);
#if defined(CROSSOVER_CUB_TRANSFORM)
  text += " (double: DeviceTransform)";
#elif defined(CROSSOVER_CUB_FOR)
  text += " (double: DeviceFor)";
#endif
  return text;
}

template <class T>
std::unique_ptr<Work> make_library_double(const Device& device, std::string_view library, T* x,
                                          std::uint64_t n) {
  if (library == "cub")
    return std::make_unique<CubDouble<Word<T>>>(reinterpret_cast<Word<T>*>(x), n);
  if constexpr (std::is_floating_point_v<T>) {
    if (library == "cublas") return make_cublas_double(device, x, n);
  }
  throw std::invalid_argument("no such library: " + std::string(library));
}

template <class T>
std::unique_ptr<SumWork<T>> make_library_sum(const Device& device, std::string_view library,
                                             const T* data, std::uint64_t n) {
  const auto* const x = reinterpret_cast<const Word<T>*>(data);
  if (library == "thrust") return std::make_unique<ThrustSum<T>>(x, n);
  if (library != "cub") throw std::invalid_argument("no such library: " + std::string(library));
#if CUB_VERSION < 200300
  if (n > INT_MAX) throw Unavailable("this toolkit's CUB counts in 32 bits: CUDA 12.4 does not");
#endif
  return std::make_unique<CubSum<T>>(device, x, n);
}

#define CROSSOVER_INSTANTIATE(T)                                                             \
  template std::unique_ptr<Work> make_library_double<T>(const Device&, std::string_view, T*, \
                                                        std::uint64_t);                      \
  template std::unique_ptr<SumWork<T>> make_library_sum<T>(const Device&, std::string_view,  \
                                                           const T*, std::uint64_t);

CROSSOVER_INSTANTIATE(float)
CROSSOVER_INSTANTIATE(double)
CROSSOVER_INSTANTIATE(std::int32_t)
CROSSOVER_INSTANTIATE(std::int64_t)

#undef CROSSOVER_INSTANTIATE

}  // namespace crossover::gpu
