#include "common/workloads/list.hpp"
#include "gpu/fill_kernels.cuh"
#include "gpu/placement.hpp"

namespace crossover::gpu {

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
