#include "common/link_bytes.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace crossover {
namespace {

TEST(LinkBytes, AnyPieceIsThatOfTheWhole) {
  std::vector<std::byte> whole(1003);
  write_link_bytes(whole, 0, 1);
  EXPECT_EQ(wrong_link_bytes(whole, 0, 1), 0U);
  for (const std::size_t first : {0, 4, 500, 1000}) {
    std::vector<std::byte> piece(whole.size() - first);
    write_link_bytes(piece, first, 1);
    EXPECT_EQ(piece, std::vector(whole.begin() + static_cast<std::ptrdiff_t>(first), whole.end()));
    EXPECT_EQ(wrong_link_bytes(piece, first, 1), 0U);
  }
  EXPECT_EQ(wrong_link_bytes({}, 0, 1), 0U);
}

TEST(LinkBytes, EveryWrongByteIsCounted) {
  std::vector<std::byte> bytes(1003);
  write_link_bytes(bytes, 0, 1);
  for (const std::size_t at : {0, 1, 511, 1000, 1002}) {
    bytes[at] ^= std::byte{1};
    EXPECT_EQ(wrong_link_bytes(bytes, 0, 1), 1U) << at;
    bytes[at] ^= std::byte{1};
  }
}

TEST(LinkBytes, OtherPlacesAndOtherSaltsHaveOtherBytes) {
  std::vector<std::byte> bytes(4096);
  write_link_bytes(bytes, 0, 1);
  // One of 256 is the same by chance.
  EXPECT_GT(wrong_link_bytes(bytes, 0, 2), 4000U);
  EXPECT_GT(wrong_link_bytes(bytes, 4, 1), 4000U);
  EXPECT_GT(wrong_link_bytes(bytes, std::uint64_t{1} << 34, 1), 4000U);
}

}  // namespace
}  // namespace crossover
