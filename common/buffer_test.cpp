#include "common/buffer.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <new>

namespace crossover {
namespace {

TEST(Buffer, IsAlignedToAHugePageAndWritableToItsEnd) {
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4096},
                                  Buffer::kAlignment, Buffer::kAlignment + 1}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(buffer.data()) % Buffer::kAlignment, 0U);
    std::memset(buffer.data(), 0xff, Buffer::mapped_bytes(bytes));
  }
}

TEST(Buffer, RefusesWhatNoMachineHas) {
  EXPECT_THROW(Buffer(std::size_t{1} << 60), std::bad_alloc);
  EXPECT_THROW(Buffer(~std::size_t{0}), std::bad_alloc);
}

TEST(Buffer, MovesItsMapping) {
  Buffer first(100);
  void* const data = first.data();
  Buffer second(std::move(first));
  EXPECT_EQ(second.data(), data);
  EXPECT_EQ(first.data(), nullptr);  // NOLINT: moved from on purpose
  first = std::move(second);
  EXPECT_EQ(first.data(), data);
}

TEST(SliceOf, CoversEverythingOnceInOrderAndCutsAtCacheLines) {
  for (const std::size_t bytes : {4, 8}) {
    for (const std::uint64_t elements : {0, 1, 2, 7, 15, 16, 17, 32, 1000, 4096, 104729}) {
      for (const int workers : {1, 2, 3, 7, 64}) {
        std::uint64_t next = 0;
        for (int worker = 0; worker < workers; ++worker) {
          const Slice slice = slice_of(elements, bytes, worker, workers);
          EXPECT_EQ(slice.first, next);
          if (slice.size > 0) {
            EXPECT_EQ(slice.first * bytes % 64, 0U);
          }
          next += slice.size;
        }
        EXPECT_EQ(next, elements);
      }
    }
  }
}

TEST(SliceOf, SharesLinesEvenly) {
  // 32 floats are two lines: one for each of two workers.
  EXPECT_EQ(slice_of(32, 4, 0, 2).size, 16U);
  EXPECT_EQ(slice_of(32, 4, 1, 2).size, 16U);
  // Nobody has more than one line above anybody else.
  EXPECT_EQ(slice_of(16 * 10, 4, 0, 4).size, 48U);
  EXPECT_EQ(slice_of(16 * 10, 4, 3, 4).size, 32U);
}

TEST(SliceOf, HoldsBeyondFourBillionElements) {
  const std::uint64_t elements = (std::uint64_t{1} << 40) + 5;
  const Slice last = slice_of(elements, 4, 6, 7);
  EXPECT_EQ(last.first + last.size, elements);
}

}  // namespace
}  // namespace crossover
