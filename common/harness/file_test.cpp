#include "common/harness/file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <string>
#include <system_error>

#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

std::size_t files_in(const TemporaryFolder& folder) {
  return static_cast<std::size_t>(
      std::distance(std::filesystem::directory_iterator(folder.path()), {}));
}

TEST(ReplaceFile, CreatesAndReplaces) {
  const TemporaryFolder folder;
  replace_file(folder / "a/b/file", "one");
  EXPECT_EQ(read_file(folder / "a/b/file"), "one");
  replace_file(folder / "file", std::string(200000, 'x'));
  replace_file(folder / "file", "two");
  EXPECT_EQ(read_file(folder / "file"), "two");
  EXPECT_EQ(files_in(folder), 2U) << "a temporary file is left over";
}

// A reader that opened the old file goes on reading the old contents: nothing is written in place.
TEST(ReplaceFile, NeverWritesInPlace) {
  const TemporaryFolder folder;
  replace_file(folder / "file", "old");
  std::filesystem::create_hard_link(folder / "file", folder / "reader");
  replace_file(folder / "file", "new");
  EXPECT_EQ(read_file(folder / "reader"), "old");
}

TEST(ReplaceFile, KeepsTheOldContentsWhenTheDiskIsFull) {
  const TemporaryFolder folder;
  replace_file(folder / "file", "old");
  {
    const FileSizeLimit limit(100);
    EXPECT_THROW(replace_file(folder / "file", std::string(101, 'x')), std::system_error);
  }
  EXPECT_EQ(read_file(folder / "file"), "old");
  EXPECT_EQ(files_in(folder), 1U) << "a temporary file is left over";
}

TEST(NewFiles, GoAgainUnlessTheyAreKept) {
  const TemporaryFolder folder;
  {
    NewFiles made;
    made.create(folder / "a/one");
    made.create(folder / "two");
    EXPECT_THROW(made.create(folder / "two"), std::system_error);
  }
  EXPECT_FALSE(std::filesystem::exists(folder / "a/one"));
  EXPECT_FALSE(std::filesystem::exists(folder / "two"));
  {
    NewFiles made;
    made.create(folder / "two");
    made.keep();
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "two"));
}

TEST(ReserveRoom, HoldsSpaceUnderNoName) {
  const Descriptor room = reserve_room("/dev/shm", 1 << 20);
  struct stat status {};
  ASSERT_EQ(::fstat(room.get(), &status), 0);
  EXPECT_GE(status.st_blocks * 512, 1 << 20);
  EXPECT_EQ(status.st_nlink, 0U);
  EXPECT_LT(reserve_room("/proc", 1).get(), 0);
}

TEST(Numbered, ComesBeforeTheExtension) {
  EXPECT_EQ(numbered("results/run.csv", 1), "results/run.csv");
  EXPECT_EQ(numbered("results/run.csv", 2), "results/run-2.csv");
}

TEST(ReadFile, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_THROW(read_file(folder / "missing"), std::system_error);
  EXPECT_THROW(read_file(folder.path()), std::system_error);
}

}  // namespace
}  // namespace crossover
