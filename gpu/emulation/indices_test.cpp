#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cstring>
#include <limits>

#include "common/workloads/double.hpp"
#include "common/workloads/reduce.hpp"
#include "gpu/emulation/machine.hpp"
#include "gpu/launch.hpp"
#include "gpu/map_kernels.cuh"
#include "gpu/sum_kernels.cuh"
#include "gpu/thread.cuh"

/// Indices beyond 2^31 and 2^32: the arithmetic, and the kernels' last blocks on memory of which
/// only the pages that they touch exist.
namespace crossover::gpu {
namespace {

TEST(Packed, CutsAtSixteenBytes) {
  alignas(16) static float memory[2][64];
  for (std::uint64_t offset = 0; offset < 4; ++offset) {
    for (std::uint64_t size = 0; size < 40; ++size) {
      const Packed<float, 2> cut =
          packed(Elements<float, 2>{{memory[0] + offset, memory[1] + offset}, size});
      EXPECT_LT(cut.head_size, 4U);
      EXPECT_LT(cut.tail_size, 4U);
      EXPECT_EQ(cut.head_size + cut.packs * 4 + cut.tail_size, size);
      for (int array = 0; array < 2; ++array) {
        if (cut.packs > 0) {
          EXPECT_EQ(reinterpret_cast<std::uintptr_t>(cut.body[array]) % 16, 0U);
        }
        EXPECT_EQ(static_cast<void*>(cut.body[array]), memory[array] + offset + cut.head_size);
      }
    }
  }
}

TEST(Packed, RefusesArraysThatAreNotAlignedAlike) {
  alignas(16) static float memory[2][64];
  EXPECT_THROW(packed(Elements<float, 2>{{memory[0], memory[1] + 1}, 40}), std::invalid_argument);
}

TEST(Packed, CutsArraysBeyond32Bits) {
  auto* const base = reinterpret_cast<std::uint64_t*>(std::uintptr_t{1} << 40);
  const std::uint64_t size = (std::uint64_t{5} << 32) + 1;
  const Packed<std::uint64_t, 1> cut = packed(Elements<std::uint64_t, 1>{{base + 1}, size});
  EXPECT_EQ(cut.head_size, 1U);
  EXPECT_EQ(cut.packs, (size - 1) / 2);
  EXPECT_EQ(cut.tail_size, 0U);
}

/// An array of `elements` zeros of which only what is touched takes memory.
class Sparse {
 public:
  explicit Sparse(std::uint64_t elements) : bytes_(elements * sizeof(float)) {
    memory_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  }
  Sparse(const Sparse&) = delete;
  Sparse& operator=(const Sparse&) = delete;
  ~Sparse() {
    if (memory_ != MAP_FAILED) munmap(memory_, bytes_);
  }
  float* data() const { return memory_ == MAP_FAILED ? nullptr : static_cast<float*>(memory_); }

 private:
  std::uint64_t bytes_;
  void* memory_;
};

class LargeIndices : public testing::Test {
 protected:
  static constexpr std::uint64_t kN = (std::uint64_t{1} << 32) + 77;
  void SetUp() override {
    emulation::reset_machine();
    ASSERT_NE(x_.data(), nullptr);
    for (std::uint64_t i = kN - kMarked; i < kN; ++i) x_.data()[i] = 1;
  }
  void TearDown() override { emulation::schedule() = {}; }

  /// Runs the last two of as many blocks as one pass over the whole array takes.
  template <class Kernel, class... Arguments>
  void run_last_blocks(Kernel kernel, std::uint64_t per_block, Arguments... arguments) {
    const std::uint64_t blocks = ceil_div(kN, per_block);
    ASSERT_LE(blocks, kMostBlocks);
    emulation::schedule().first_block = blocks - 2;
    emulation::run_grid({static_cast<unsigned>(blocks)}, {256}, 0, [&] { kernel(arguments...); });
    emulation::schedule() = {};
  }
  /// How many of the marked elements at the end have been doubled, and that no other was.
  std::uint64_t doubled() const {
    std::uint64_t count = 0;
    for (std::uint64_t i = kN - kMarked; i < kN; ++i) count += x_.data()[i] == 2 ? 1 : 0;
    EXPECT_EQ(x_.data()[0], 0);
    return count;
  }

  Elements<float, 1> elements() const { return {{x_.data()}, kN}; }

  static constexpr std::uint64_t kMarked = 256;
  Sparse x_{kN};
};

TEST_F(LargeIndices, Naive) {
  run_last_blocks(&map_naive<arrays::Double, float>, 256, arrays::Double{}, elements());
  EXPECT_EQ(doubled(), kMarked);
}
TEST_F(LargeIndices, GridStride) {
  run_last_blocks(&map_grid_stride<arrays::Double, float>, 256, arrays::Double{}, elements());
  EXPECT_EQ(doubled(), kMarked);
}
TEST_F(LargeIndices, Vector) {
  const Packed<float, 1> cut = packed(elements());
  run_last_blocks(&map_vector<arrays::Double, float>, 1024, arrays::Double{}, cut);
  // The tail is block 0's.
  EXPECT_EQ(doubled(), kMarked - cut.tail_size);
}
TEST_F(LargeIndices, Unrolled) {
  const Packed<float, 1> cut = packed(elements());
  run_last_blocks(&map_unrolled<arrays::Double, float, 4>, 4096, arrays::Double{}, cut, nullptr);
  EXPECT_EQ(doubled(), kMarked - cut.tail_size);
}
TEST_F(LargeIndices, Sums) {
  const arrays::Reduce sum;
  double total = 0;
  run_last_blocks(&sum_atomic<arrays::Reduce, float>, 256, sum, elements(), &total);
  EXPECT_EQ(total, kMarked);

  const Packed<float, 1> cut = packed(elements());
  const std::uint64_t blocks = ceil_div(kN, 4096);
  std::vector<double> partials(blocks);
  run_last_blocks(&sum_vector<arrays::Reduce, float, 4>, 4096, sum, cut, partials.data());
  EXPECT_EQ(partials[blocks - 1] + partials[blocks - 2], kMarked - cut.tail_size);

  const std::uint64_t segment_packs = 1 << 14;
  const std::uint64_t segments = ceil_div(kN, segment_packs * 4);
  std::vector<double> sums(segments);
  emulation::run_grid({1}, {256}, 0, [&] {
    sum_segments<arrays::Reduce, float, 4>(sum, cut, segment_packs, segments - 1, segments - 1,
                                           sums.data());
  });
  EXPECT_EQ(sums.back(), 77) << "the last segment has the last 77 elements";
}

}  // namespace
}  // namespace crossover::gpu
