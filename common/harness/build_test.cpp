#include "common/harness/build.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace crossover {
namespace {

TEST(PortableFlags, HaveNoPathsAndNoWarnings) {
  EXPECT_EQ(portable_flags("-O3 -DNDEBUG -march=native"), "-O3 -DNDEBUG -march=native");
  EXPECT_EQ(portable_flags("  -O2   -Wall -Wextra -Wno-psabi -g "), "-O2 -g");
  EXPECT_EQ(portable_flags("-I /usr/include -O2 -isystem x -Iinclude -isystemy -L. -B y -O3"),
            "-O2 -O3");
  EXPECT_EQ(portable_flags("-ffile-prefix-map=/home/me=. -fsanitize=address --sysroot=x "
                           "-fprofile-use=/tmp/p -include a.h -std=c++20"),
            "-fsanitize=address -std=c++20");
  EXPECT_EQ(portable_flags(""), "");
}

TEST(DescribeBuild, IsComplete) {
  const auto build = describe_build();
  for (const char* key :
       {"version", "commit", "compiler", "compiler_version", "flags", "build_type"}) {
    ASSERT_TRUE(build.contains(key)) << key;
    EXPECT_TRUE(build[key].is_string()) << key;
  }
  EXPECT_THAT(build["version"].get<std::string>(),
              testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_THAT(build["commit"].get<std::string>(),
              testing::MatchesRegex("unknown|[0-9a-f]+|[0-9a-f]+-dirty"));
  EXPECT_THAT(build["compiler"].get<std::string>(), testing::AnyOf("GNU", "Clang", "IntelLLVM"));
  EXPECT_TRUE(build["libraries"].contains("fmt")) << build.dump();
  EXPECT_EQ(build.dump().find('/'), std::string::npos) << build.dump();
}

TEST(VersionText, NamesCommitAndCompiler) {
  const auto build = describe_build();
  for (const char* key : {"version", "commit", "compiler", "compiler_version", "build_type"}) {
    EXPECT_THAT(version_text(), testing::HasSubstr(build[key].get<std::string>())) << key;
  }
}

}  // namespace
}  // namespace crossover
