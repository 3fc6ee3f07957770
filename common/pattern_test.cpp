#include "common/pattern.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crossover {
namespace {

TEST(Pattern, AnyPieceIsThatOfTheWhole) {
  std::vector<std::byte> whole(1003);
  write_pattern(whole, 0, 1);
  EXPECT_EQ(wrong_bytes(whole, 0, 1), 0U);
  for (const std::size_t first : {0, 4, 500, 1000}) {
    std::vector<std::byte> piece(whole.size() - first);
    write_pattern(piece, first, 1);
    EXPECT_EQ(piece, std::vector(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end()));
    EXPECT_EQ(wrong_bytes(piece, first, 1), 0U);
  }
  EXPECT_EQ(wrong_bytes({}, 0, 1), 0U);
}

TEST(Pattern, EveryWrongByteIsCounted) {
  std::vector<std::byte> bytes(1003);
  write_pattern(bytes, 0, 1);
  for (const std::size_t at : {0, 1, 511, 1000, 1002}) {
    bytes[at] ^= std::byte{1};
    EXPECT_EQ(wrong_bytes(bytes, 0, 1), 1U) << at;
    bytes[at] ^= std::byte{1};
  }
}

TEST(Pattern, OtherPlacesAndOtherSaltsHaveOtherBytes) {
  std::vector<std::byte> bytes(4096);
  write_pattern(bytes, 0, 1);
  // One of 256 is the same by chance.
  EXPECT_GT(wrong_bytes(bytes, 0, 2), 4000U);
  EXPECT_GT(wrong_bytes(bytes, 4, 1), 4000U);
  EXPECT_GT(wrong_bytes(bytes, std::uint64_t{1} << 34, 1), 4000U);
}

}  // namespace
}  // namespace crossover
