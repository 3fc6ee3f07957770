#include "gpu/launch.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

/// In the place of the libraries, which the emulation does not have: one thread does it all. What
/// is tested is how their work is wrapped, not they.
namespace crossover::gpu {

namespace {

template <class W>
void double_serially(W* x, std::uint64_t n) {
  for (std::uint64_t i = 0; i < n; ++i) x[i] += x[i];
}

template <class W>
void sum_serially(const W* x, std::uint64_t n, TotalOf<W>* result) {
  TotalOf<W> total{};
  for (std::uint64_t i = 0; i < n; ++i) total += x[i];
  *result = total;
}

template <class T>
class SerialDouble final : public Work {
 public:
  SerialDouble(T* x, std::uint64_t n) : x_(reinterpret_cast<Word<T>*>(x)), n_(n) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      launch(stream, &double_serially<Word<T>>, Shape{1, 1, 0}, x_, n_);
    }
  }

 private:
  Word<T>* x_;
  std::uint64_t n_;
};

template <class T>
class SerialSum final : public SumWork<T> {
 public:
  SerialSum(const Device& device, const T* x, std::uint64_t n)
      : x_(reinterpret_cast<const Word<T>*>(x)), n_(n), result_(device, 1) {}
  void enqueue(const Stream& stream, std::int64_t operations) override {
    for (std::int64_t i = 0; i < operations; ++i) {
      launch(stream, &sum_serially<Word<T>>, Shape{1, 1, 0}, x_, n_, result_.data());
    }
  }
  SumOf<T> sum() const override { return static_cast<SumOf<T>>(result_[0]); }
  void poison() override { result_[0] = static_cast<TotalOf<Word<T>>>(-1); }

 private:
  const Word<T>* x_;
  std::uint64_t n_;
  PinnedArray<TotalOf<Word<T>>> result_;
};

}  // namespace

bool has_library(std::string_view workload, ElementType type, std::string_view library) {
  if (workload == "reduce") return library == "cub" || library == "thrust";
  return library == "cub" ||
         (library == "cublas" && (type == ElementType::f32 || type == ElementType::f64));
}
std::string library_versions() { return "emulated"; }

template <class T>
std::unique_ptr<Work> make_library_double(const Device&, std::string_view, T* x, std::uint64_t n) {
  return std::make_unique<SerialDouble<T>>(x, n);
}
template <class T>
std::unique_ptr<SumWork<T>> make_library_sum(const Device& device, std::string_view, const T* x,
                                             std::uint64_t n) {
  return std::make_unique<SerialSum<T>>(device, x, n);
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
