#include "common/workloads/list.hpp"
#include "gpu/launch.hpp"
#include "gpu/thread.cuh"
#include "gpu/work.hpp"

/// The workloads' inputs, by the functions that the host fills and verifies with.
namespace crossover::gpu {

namespace {

/// Elements [first, first + count) of array `array`, in each of `sets` sets, `stride` words apart.
template <class Workload, class T>
__global__ void fill_input(Workload work, int array, BitsOf<T>* x, std::uint64_t first,
                           std::uint64_t count, std::uint64_t sets, std::uint64_t stride,
                           std::uint32_t salt) {
  for (std::uint64_t i = global_thread(); i < count * sets; i += grid_threads()) {
    const std::uint64_t set = i / count;
    const std::uint64_t at = i % count;
    const std::uint64_t index = first + at;
    const bool salted = Workload::kPattern != Pattern::sum || index < kSalted;
    const crossover::Stream stream = array_stream(array, index, salted ? salt_of(salt, set) : 0);
    x[set * stride + at] =
        work.template input<T>(stream.template bits<BitsOf<T>>(static_cast<std::uint32_t>(index)));
  }
}

}  // namespace

void fill(const Target& target, std::uint64_t first, std::uint32_t salt) {
  const Stream& stream = target.stream;
  const Arrays& arrays = target.arrays;
  with_array_workload(
      target.workload, target.type, [&]<class Is, class T>(const Is& is, std::type_identity<T>) {
        constexpr int kFirstInput = Is::kArrays - Is::kInputs;
        if (kFirstInput > 0) {
          stream.device().check(
              cudaMemsetAsync(arrays.at(0), 0xff,
                              arrays.stride * (arrays.sets - 1) + target.bytes(), stream.get()),
              "clearing what is written");
        }
        const auto kernel = &fill_input<Is, T>;
        const Shape shape = filling(stream.device(), kernel, {1, 256, 0},
                                    ceil_div(arrays.elements * arrays.sets, 256));
        for (int array = kFirstInput; array < Is::kArrays; ++array) {
          launch(stream, kernel, shape, is, array, reinterpret_cast<BitsOf<T>*>(arrays.at(array)),
                 first, arrays.elements, arrays.sets, arrays.stride / sizeof(T), salt);
        }
      });
}

}  // namespace crossover::gpu
