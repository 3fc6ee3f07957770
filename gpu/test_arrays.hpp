#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "common/workloads/testing.hpp"
#include "gpu/ladder.hpp"
#include "gpu/test_device.hpp"

/// For tests of work on arrays: a workload's arrays on a device, with something around them.
namespace crossover::gpu {

/// A workload in a type.
struct Case {
  const Workload* workload;
  ElementType type;

  std::string name() const { return workload->name + "_" + std::string(crossover::name(type)); }
};
/// For Google Test, which would print the bytes.
inline void PrintTo(const Case& is, std::ostream* out) { *out << is.name(); }

/// All of the maps, or all of the sums; under sanitizers few of a family, and where CUDA threads
/// cost much, one of each kind.
inline std::vector<Case> array_cases(bool sums) {
  std::vector<Case> all;
  for (const Workload& workload : workloads()) {
    if (workload.array_index < 0 || workload.is_sum != sums) continue;
    if (workload.parameter > (kFewThreads ? 1 : kSanitized ? 16 : 1024)) continue;
    for (const ElementType type : tested_types(workload)) {
      if (!kFewThreads || type == ElementType::f32) all.push_back({&workload, type});
    }
  }
  return all;
}

inline bool is_floating_point(ElementType type) {
  return type == ElementType::f32 || type == ElementType::f64;
}

/// The arrays of a workload, each `offset` elements behind a multiple of 256 bytes, `sets` times,
/// every one between guards: bytes that are NaN and that no input has.
class GuardedArrays {
 public:
  GuardedArrays(const Stream& stream, Case is, std::uint64_t elements, std::uint64_t offset,
                std::uint64_t sets = 1)
      : stream_(stream), is_(is), bytes_(elements * size_of(is.type)) {
    const std::uint64_t shift = std::uint64_t{kGuard} + offset * size_of(is.type);
    arrays_.elements = elements;
    arrays_.sets = sets;
    arrays_.stride = (shift + bytes_ + std::uint64_t{kGuard} + 255) / 256 * 256;
    const auto count = static_cast<std::size_t>(is.workload->arrays);
    memory_ = DeviceArray<std::byte>(stream.device(), count * sets * arrays_.stride);
    check(cudaMemsetAsync(memory_.data(), 0xff, memory_.size(), stream.get()));
    for (std::size_t i = 0; i < count; ++i) {
      arrays_.first[i] = memory_.data() + i * sets * arrays_.stride + shift;
    }
  }

  Target target(int limit = 0) const { return {stream_, *is_.workload, is_.type, arrays_, limit}; }

  /// Waits for the stream. What is around the arrays is as it was, and so are the arrays that are
  /// not written; returns a copy of the one that is, of a set.
  std::vector<std::byte> written(std::uint64_t set, std::uint32_t salt) const {
    std::vector<std::byte> all(memory_.size());
    check(cudaMemcpyAsync(all.data(), memory_.data(), all.size(), cudaMemcpyDeviceToHost,
                          stream_.get()));
    stream_.synchronize();
    for (int array = 0; array < is_.workload->arrays; ++array) {
      for (std::uint64_t in = 0; in < arrays_.sets; ++in) {
        const auto begin = all.begin() + place(array, in);
        const auto end = begin + static_cast<std::ptrdiff_t>(bytes_);
        const auto outside = [&](auto from, auto to) {
          return std::all_of(from, to, [](std::byte byte) { return byte == std::byte{0xff}; });
        };
        EXPECT_TRUE(outside(begin - kGuard, begin) && outside(end, end + kGuard))
            << "something beside array " << array << " was written";
      }
    }
    const auto reference = make_reference(*is_.workload, is_.type);
    std::vector<std::byte> input(bytes_);
    for (int array = is_.workload->is_sum ? 0 : 1; array < is_.workload->arrays; ++array) {
      reference->fill(array, input.data(), 0, arrays_.elements, salt_of(salt, set));
      EXPECT_TRUE(std::equal(input.begin(), input.end(), all.begin() + place(array, set)))
          << "input array " << array << " was written";
    }
    const auto begin = all.begin() + place(0, set);
    return {begin, begin + static_cast<std::ptrdiff_t>(bytes_)};
  }

 private:
  static constexpr std::ptrdiff_t kGuard = 256;
  std::ptrdiff_t place(int array, std::uint64_t set) const {
    return arrays_.at(array, set) - memory_.data();
  }
  void check(cudaError_t status) const { stream_.device().check(status, "a test's copy"); }

  const Stream& stream_;
  Case is_;
  std::uint64_t bytes_;
  Arrays arrays_;
  DeviceArray<std::byte> memory_;
};

}  // namespace crossover::gpu
