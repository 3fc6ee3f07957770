#include "common/harness/text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace crossover {
namespace {

const std::vector<std::string> kModels{"serial", "threads", "openmp", "stdpar", "cuda"};

TEST(InQuotes, StaysOnOneShortLine) {
  EXPECT_EQ(in_quotes("a\nb\tc\x7F"), "'a?b?c?'");
  EXPECT_EQ(in_quotes(std::string(60, 'x')), "'" + std::string(60, 'x') + "'");
  EXPECT_EQ(in_quotes(std::string(61, 'x')), "'" + std::string(57, 'x') + "...'");
}

TEST(InQuotes, CutsBetweenCharacters) {
  const std::string text = "xx\u00e9\u00e9\u00e9\u00e9";  // 2 + 8 bytes
  EXPECT_EQ(in_quotes(text, 8), "'xx\u00e9...'");
  EXPECT_TRUE(is_utf8(in_quotes(text, 8)));
}

TEST(NearestName, FindsTypingErrors) {
  EXPECT_EQ(nearest_name("opnemp", kModels), "openmp");
  EXPECT_EQ(nearest_name("Serial", kModels), "serial");
  EXPECT_EQ(nearest_name("cdua", kModels), "cuda");
  EXPECT_EQ(nearest_name("thread", kModels), "threads");
}

TEST(NearestName, DoesNotGuessWildly) {
  EXPECT_EQ(nearest_name("", kModels), "");
  EXPECT_EQ(nearest_name("x", kModels), "");
  EXPECT_EQ(nearest_name("opencl", kModels), "openmp");
  EXPECT_EQ(nearest_name("sycl", kModels), "");
  EXPECT_EQ(nearest_name("x", {"y"}), "");
}

TEST(UnknownName, ListsWhatIsKnown) {
  EXPECT_EQ(unknown_name("model", "cud", {"cuda", "serial"}, {"cuda", "serial"}),
            "unknown model 'cud': known are cuda, serial; did you mean cuda?");
  EXPECT_EQ(unknown_name("model", "sycl", {"cuda", "serial"}, {"cuda", "serial"}),
            "unknown model 'sycl': known are cuda, serial");
}

TEST(Utf8, AcceptsAllLengths) {
  for (const char* text : {"", "a", "\u00e9", "\u20ac", "\U0001F600", "\uFFFF", "\U0010FFFF"}) {
    EXPECT_TRUE(is_utf8(text)) << text;
  }
}

TEST(Utf8, RefusesMalformedText) {
  for (const char* text :
       {"\x80", "\xC3", "\xC3(", "\xE2\x82", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
        "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF", "a\xFE"}) {
    EXPECT_FALSE(is_utf8(text)) << testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace crossover
