#include "common/harness/output_name.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "common/harness/parse.hpp"
#include "common/harness/test_support.hpp"
#include "common/machine.hpp"

namespace crossover {
namespace {

OutputName named(const std::string& output) {
  return output_name(parse_output(output), {"n07", "lab", "2026-01-31T120000Z"});
}

TEST(OutputName, OfNoneIsMadeInResults) {
  const OutputName made = output_name({}, {"n07", "lab", "2026-01-31T120000Z"});
  EXPECT_EQ(made.csv, "results/lab-2026-01-31T120000Z.csv");
  EXPECT_TRUE(made.numbered);
}

TEST(OutputName, ThatIsWrittenOutIsTaken) {
  EXPECT_EQ(named("some/run.csv").csv, "some/run.csv");
  EXPECT_FALSE(named("some/run.csv").numbered);
}

TEST(OutputName, HasNodeLabelAndTimeWhereItSaysSo) {
  EXPECT_EQ(named("lab/{node}.csv").csv, "lab/n07.csv");
  EXPECT_EQ(named("{label}/{time}/{node}-{node}.csv").csv, "lab/2026-01-31T120000Z/n07-n07.csv");
  EXPECT_TRUE(named("lab/{node}.csv").numbered);
}

TEST(OutputName, InAFolderIsMade) {
  const TemporaryFolder folder;
  const std::string name = "lab-2026-01-31T120000Z.csv";
  EXPECT_EQ(named(folder.path()).csv, folder / name) << "a folder that is there";
  EXPECT_EQ(named("new/").csv, "new/" + name);
  EXPECT_EQ(named("of/{node}/").csv, "of/n07/" + name);
  EXPECT_TRUE(named("new/").numbered);
}

TEST(OutputName, SaysWhatIsWrong) {
  for (const auto& [output, says] : {std::pair{"", "neither"},
                                     {"run.json", "'run.json' names neither"},
                                     {".csv", "results/mine.csv"},
                                     {"{node}", "neither a .csv file nor a folder"},
                                     {"lab/{host}.csv", "'{host}' stands for nothing"},
                                     {"lab/{}.csv", "'{}' stands for nothing"},
                                     {"lab/{node.csv", "'{node.csv' stands for nothing"},
                                     {"a{.csv", "write {node}, {label} or {time}"}}) {
    try {
      parse_output(output);
      ADD_FAILURE() << output;
    } catch (const ParseError& error) {
      EXPECT_THAT(error.what(), testing::HasSubstr(says));
    }
  }
  EXPECT_EQ(named("a}.csv").csv, "a}.csv");
}

TEST(NameParts, AreOfThisHostAndFitAName) {
  const NameParts parts = name_parts("mine");
  EXPECT_EQ(parts.node, host_name());
  EXPECT_EQ(parts.label, "mine");
  EXPECT_THAT(parts.time, testing::MatchesRegex("20..-..-..T......Z"));
}

}  // namespace
}  // namespace crossover
