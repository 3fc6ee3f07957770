#include "common/harness/vocabulary.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "common/harness/csv.hpp"
#include "common/harness/fake_model.hpp"
#include "common/harness/file.hpp"

namespace crossover {
namespace {

using Json = nlohmann::ordered_json;
using testing::ElementsAre;

constexpr Column kClock{"clock_mhz", "MHz", "telemetry", "the lowest clock during the sample"};
constexpr Column kMemory{"memory", "B", "cost", "what it takes"};

class Vocabulary : public testing::Test {
 protected:
  Vocabulary() {
    models_.push_back(std::make_unique<FakeModel>("one"));
    models_.push_back(std::make_unique<FakeModel>("two"));
    behaviour(1).variants = {{"step", Variant::Role::step, {Scope::kernel}},
                             {"best", Variant::Role::best, {Scope::resident, Scope::kernel}}};
  }
  FakeBehaviour& behaviour(std::size_t index) {
    return static_cast<FakeModel&>(*models_[index]).behaviour;
  }
  Json words(const std::vector<const Workload*>& asked = {}) {
    return describe_vocabulary(models_, appended_columns(models_), asked);
  }
  /// The entry of that name in a list.
  static Json named(const Json& list, const std::string& name) {
    for (const Json& entry : list) {
      if (entry.at("name") == name) return entry;
    }
    ADD_FAILURE() << "there is no " << name;
    return {};
  }

  Models models_;
};

TEST_F(Vocabulary, DescribesEveryWorkload) {
  const Json all = words()["workloads"];
  ASSERT_EQ(all.size(), workloads().size());
  EXPECT_EQ(named(all, "fma16"), (Json{{"name", "fma16"},
                                       {"summary", find_workload("fma16")->summary},
                                       {"kind", "array"},
                                       {"pattern", "map in place"},
                                       {"unit", "element"},
                                       {"unit_bytes", 0},
                                       {"types", {"f32", "f64"}},
                                       {"passes", 2},
                                       {"flops", 32.0},
                                       {"family", "fma"},
                                       {"parameter", 16}}));
  const Json cost = named(all, "count");
  EXPECT_EQ(cost["kind"], "cost");
  EXPECT_EQ(cost["unit"], "increment");
  EXPECT_EQ(cost["passes"], 0);
  EXPECT_EQ(named(all, "create")["types"], Json::array({"none"}));
}

TEST_F(Vocabulary, TellsAModelsVariantsInOrderWithRoleAndScopes) {
  const Json all = words()["models"];
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[1]["workloads"].size(), workloads().size() - 3) << "chase, core-to-core, link";
  EXPECT_FALSE(all[1]["workloads"].contains("chase"));
  EXPECT_TRUE(words({&costs::chase()})["models"][1]["workloads"].contains("chase"));
  EXPECT_EQ(all[1]["workloads"]["dot"],
            (Json{{{"name", "step"}, {"role", "step"}, {"scopes", {"kernel"}}},
                  {{"name", "best"}, {"role", "best"}, {"scopes", {"resident", "kernel"}}}}));
}

TEST_F(Vocabulary, TellsEachVariantOnce) {
  behaviour(0).variants = {{"same"}, {"same"}};  // offered for one type and for another
  EXPECT_EQ(words()["models"][0]["workloads"]["dot"].size(), 1U);
}

TEST_F(Vocabulary, TellsAModelsProcessorByItsScopes) {
  behaviour(0).variants.clear();
  models_.push_back(std::make_unique<FakeModel>("three"));
  const Json all = words()["models"];
  EXPECT_EQ(all[0]["processor"], Json()) << "a model that is not built";
  EXPECT_EQ(all[1]["processor"], "gpu");
  EXPECT_EQ(all[2]["processor"], "cpu");
}

TEST_F(Vocabulary, ExplainsEveryScope) {
  const Json all = words()["scopes"];
  ASSERT_EQ(all.size(), 3U);
  for (const Scope scope : {Scope::resident, Scope::kernel, Scope::offload}) {
    EXPECT_GT(named(all, std::string(name(scope)))["meaning"].get<std::string>().size(), 20U);
  }
}

TEST_F(Vocabulary, ExplainsEveryColumnOfTheFile) {
  behaviour(0).columns = {kMemory};
  behaviour(1).columns = {kClock, kMemory};
  const Json appended = appended_columns(models_);
  EXPECT_THAT(column_names(appended), ElementsAre("memory", "clock_mhz")) << "each once";
  Column later{"later", "", "cost", "came with a later version"};
  later.generation = 1;
  behaviour(0).columns = {later, kMemory};
  EXPECT_THAT(column_names(appended_columns(models_)), ElementsAre("memory", "clock_mhz", "later"));
  behaviour(0).columns = {kMemory};
  const Json all = words()["columns"];
  std::string header;
  for (const std::string& column : column_names(all))
    header += (header.empty() ? "" : ",") + column;
  EXPECT_EQ(header, csv_header(column_names(appended)));
  EXPECT_EQ(all.back(), (Json{{"name", "clock_mhz"},
                              {"unit", "MHz"},
                              {"group", "telemetry"},
                              {"meaning", "the lowest clock during the sample"}}));
  for (const Json& column : all) EXPECT_NE(column["meaning"], "") << column;
}

/// Markdown without its marks for code.
std::string plain(std::string text) {
  std::erase(text, '`');
  return text;
}

// People read about the columns there, in more words.
TEST(RowColumns, AreThoseOfTheResultsReadme) {
  std::istringstream readme(read_file(CROSSOVER_RESULTS_README));
  std::vector<std::string> rows;
  for (std::string line; std::getline(readme, line);) {
    if (line.starts_with("## ")) rows.clear();  // of the section before
    if (line == "Columns that models append, empty where they do not apply:") break;
    if (line.starts_with("| `")) rows.push_back(plain(line));
  }
  const std::vector<Column> columns = row_columns();
  ASSERT_EQ(rows.size(), columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    EXPECT_THAT(rows[i],
                testing::StartsWith(fmt::format("| {} | {}", columns[i].name, columns[i].meaning)));
  }
}

TEST_F(Vocabulary, HasNoColumnsOfAModelThatCannotRun) {
  behaviour(0).columns = {kMemory};
  behaviour(0).unavailable = "no";
  EXPECT_TRUE(appended_columns(models_).empty());
}

}  // namespace
}  // namespace crossover
