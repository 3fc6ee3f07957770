#include "common/harness/parse.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <clocale>
#include <limits>
#include <string>

namespace crossover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// The message of the ParseError that `action` throws.
template <class Action>
std::string message_of(Action&& action) {
  try {
    action();
  } catch (const ParseError& error) {
    const std::string message = error.what();
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
    EXPECT_FALSE(message.empty());
    return message;
  }
  ADD_FAILURE() << "accepted";
  return {};
}

TEST(ParseList, KeepsOrderAndDropsDuplicates) {
  EXPECT_THAT(parse_list("b,a,b,c"), ElementsAre("b", "a", "c"));
  EXPECT_THAT(parse_list("one"), ElementsAre("one"));
}

TEST(ParseList, RefusesEmptyEntries) {
  for (const char* text : {"", ",", "a,", ",a", "a,,b"}) {
    EXPECT_THAT(message_of([&] { parse_list(text); }), HasSubstr("empty")) << text;
  }
}

TEST(ParseSize, ReadsPowersOf1024) {
  EXPECT_EQ(parse_size("0"), 0U);
  EXPECT_EQ(parse_size("4096"), 4096U);
  EXPECT_EQ(parse_size("64Ki"), 65536U);
  EXPECT_EQ(parse_size("16Mi"), std::uint64_t{16} << 20);
  EXPECT_EQ(parse_size("5Gi"), std::uint64_t{5} << 30);
  EXPECT_EQ(parse_size("2Ti"), std::uint64_t{2} << 40);
  EXPECT_EQ(parse_size("00012"), 12U);
}

TEST(ParseSize, EndsAtTwoToThe48) {
  EXPECT_EQ(parse_size("256Ti"), kMostElements);
  EXPECT_EQ(parse_size("281474976710656"), kMostElements);
  for (const char* text : {"281474976710657", "257Ti", "18446744073709551616", "17179869184Ti",
                           "99999999999999999999999999999999"}) {
    EXPECT_THAT(message_of([&] { parse_size(text); }), HasSubstr("at most 256Ti")) << text;
  }
}

TEST(ParseSize, RefusesWhatIsNoSize) {
  for (const char* text : {"", "Ki", "-1", "+1", " 1", "1 ", "1.5Ki", "0x10", "1e3", "1Pi", "1KiMi",
                           "ten", "1\n", "4Kix"}) {
    EXPECT_THAT(message_of([&] { parse_size(text); }), HasSubstr("64Ki, 16Mi or 1Gi")) << text;
  }
}

TEST(ParseSize, SaysWhatWasMeant) {
  EXPECT_THAT(message_of([] { parse_size("64k"); }), HasSubstr("write 64Ki"));
  EXPECT_THAT(message_of([] { parse_size("16MiB"); }), HasSubstr("write 16Mi"));
  EXPECT_THAT(message_of([] { parse_size("1GB"); }), HasSubstr("write 1Gi"));
}

TEST(ParseSizes, ExpandsRanges) {
  EXPECT_THAT(parse_sizes("1Ki..8Ki"), ElementsAre(1024, 2048, 4096, 8192));
  EXPECT_THAT(parse_sizes("1..70:x4"), ElementsAre(1, 4, 16, 64));
  EXPECT_THAT(parse_sizes("3..3"), ElementsAre(3));
  // Products that would wrap round to a small number.
  EXPECT_THAT(parse_sizes("5..7:x18446744073709551615"), ElementsAre(5));
  EXPECT_THAT(parse_sizes("4..7:x4611686018427387905"), ElementsAre(4));
}

TEST(ParseSizes, SortsAndMerges) {
  EXPECT_THAT(parse_sizes("1Mi,0,1Ki..4Ki,2048,7"), ElementsAre(0, 7, 1024, 2048, 4096, 1 << 20));
}

TEST(ParseSizes, ReachesTheLargestSize) {
  EXPECT_EQ(parse_sizes("1..256Ti").size(), 49U);
  EXPECT_EQ(parse_sizes("1..256Ti").back(), kMostElements);
}

TEST(ParseSizes, RefusesImpossibleRanges) {
  EXPECT_THAT(message_of([] { parse_sizes("0..4"); }), HasSubstr("may not start at 0"));
  EXPECT_THAT(message_of([] { parse_sizes("4Ki..1Ki"); }), HasSubstr("write 1Ki..4Ki"));
  for (const char* text :
       {"1..4:x1", "1..4:x0", "1..4:x", "1..4:", "1..4:4", "1..4:x-2", "1..4:x1.5", "1..4:x2:x2"}) {
    EXPECT_THAT(message_of([&] { parse_sizes(text); }), HasSubstr("not a factor")) << text;
  }
  for (const char* text : {"..", "1..", "..4", "1...4", "1..4..8", "4:x2", "1Ki..4Ki x2"}) {
    EXPECT_THAT(message_of([&] { parse_sizes(text); }), HasSubstr("is not a size")) << text;
  }
  EXPECT_THAT(message_of([] { parse_sizes("1,,2"); }), HasSubstr("empty"));
}

TEST(ParseCounts, ListsEveryCountOfARange) {
  EXPECT_THAT(parse_counts("1..4", 16), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(parse_counts("8,1,2..3,2", 16), ElementsAre(1, 2, 3, 8));
  EXPECT_THAT(parse_counts("0,2", 3, 0), ElementsAre(0, 2));
  EXPECT_EQ(parse_counts("1..65536", 65536).size(), 65536U);
}

TEST(ParseCounts, HoldsItsLimits) {
  for (const char* text : {"0", "17", "1..17", "0..2", "4294967297", "99999999999999999999"}) {
    EXPECT_THAT(message_of([&] { parse_counts(text, 16); }), HasSubstr("from 1 to 16")) << text;
  }
  for (const char* text : {"-1", "+1", "1.5", "auto", "", "1..", "..1", "1..2..3", "1,,2"}) {
    message_of([&] { parse_counts(text, 16); });
  }
  EXPECT_THAT(message_of([] { parse_counts("4..2", 16); }), HasSubstr("write 2..4"));
}

TEST(ParseNumber, ReadsPlainDecimals) {
  EXPECT_EQ(parse_number("0.25", 0, 1), 0.25);
  EXPECT_EQ(parse_number("1", 0, 1), 1.0);
  EXPECT_EQ(parse_number(".5", 0, 1), 0.5);
  EXPECT_EQ(parse_number("0", 0, 1), 0.0);
}

TEST(ParseNumber, RefusesTheRest) {
  for (const char* text :
       {"", ".", "-0", "-1", "+1", "1e0", "0x1", "nan", "inf", "1s", " 1", "1,5", "1 "}) {
    EXPECT_THAT(message_of([&] { parse_number(text, 0, 1); }), HasSubstr("is not a number"))
        << text;
  }
  const std::string huge(400, '9');
  for (const std::string& text : {std::string("1.0000001"), std::string("7"), huge}) {
    EXPECT_THAT(message_of([&] { parse_number(text, 0, 1); }), HasSubstr("from 0 to 1")) << text;
  }
}

TEST(ParseNumber, DoesNotHearTheLocale) {
  // A comma locale, where the system has one; in the C locale the check is the plain one.
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "de_DE", "fr_FR.UTF-8", "C"}) {
    if (std::setlocale(LC_ALL, locale) == nullptr) continue;
    EXPECT_EQ(parse_number("0.5", 0, 1), 0.5) << locale;
    EXPECT_EQ(format_number(0.5), "0.5") << locale;
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST(FormatSize, IsReadBack) {
  EXPECT_EQ(format_size(0), "0");
  EXPECT_EQ(format_size(1000), "1000");
  EXPECT_EQ(format_size(1024), "1Ki");
  EXPECT_EQ(format_size(1536), "1536");
  EXPECT_EQ(format_size(kMostElements), "256Ti");
  for (int shift = 0; shift <= 48; ++shift) {
    const std::uint64_t size = std::uint64_t{1} << shift;
    EXPECT_EQ(parse_size(format_size(size)), size);
    EXPECT_EQ(parse_size(format_size(size - 1)), size - 1);
  }
}

TEST(FormatNumber, IsShortestAndReadBack) {
  EXPECT_EQ(format_number(0.1), "0.1");
  EXPECT_EQ(format_number(8192), "8192");
  EXPECT_EQ(format_number(-std::numeric_limits<double>::quiet_NaN()), "nan");
  EXPECT_EQ(format_number(std::numeric_limits<double>::infinity()), "inf");
  EXPECT_EQ(format_decimal(1e7), "10000000");
  EXPECT_EQ(format_decimal(std::numeric_limits<double>::max()).size(), 309U);
}

}  // namespace
}  // namespace crossover
