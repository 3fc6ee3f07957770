#include "common/harness/record.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>
#include <set>

#include "common/harness/build.hpp"
#include "common/harness/csv.hpp"
#include "common/harness/file.hpp"
#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

const KnownNames kKnownHere{{"double", "reduce"}, {"serial", "openmp"}};

Topology two_cpus() {
  Topology topology;
  topology.threads = {{0, 0, 0, 0, 0}, {1, 1, 0, 0, 0}};
  topology.machine_threads = 2;
  topology.physical_cores = 2;
  return topology;
}

Json example_record() {
  const Options options = parse_command_line({"--sizes", "1Ki", "--threads", "1,2"}, kKnownHere);
  return new_record(options, "crossover --sizes 1Ki", two_cpus(),
                    Json{{"openmp", {{"wait", "active"}}}}, 42);
}

TEST(RecordPath, IsBesideTheCsv) { EXPECT_EQ(record_path("results/a.b.csv"), "results/a.b.json"); }

TEST(NewRunId, IsARandomUuid) {
  const std::regex uuid("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}");
  std::set<std::string> ids;
  for (int i = 0; i < 100; ++i) {
    const std::string id = new_run_id();
    EXPECT_TRUE(std::regex_match(id, uuid)) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 100U);
}

// The reader of results is the judge of the form.
TEST(UtcNow, IsATimeThatTheCsvTakes) {
  Row row = example_row();
  row.time = utc_now();
  EXPECT_NO_THROW(parse_csv(csv_header() + "\n" + csv_line(row) + "\n")) << row.time;
  EXPECT_GT(row.time, "2024");
  EXPECT_LE(row.time, utc_now());
}

TEST(NewRecord, HasAllOfARun) {
  const Json record = example_record();
  EXPECT_EQ(record["schema"], kSchema);
  EXPECT_EQ(record["status"], "running");
  EXPECT_TRUE(record["ended"].is_null());
  EXPECT_EQ(record["seed"], 42);
  EXPECT_EQ(record["command"], "crossover --sizes 1Ki");
  EXPECT_EQ(record["project"], describe_build());
  EXPECT_EQ(record["models"]["openmp"]["wait"], "active");
  EXPECT_EQ(record["topology"]["pin"], "cores");
  EXPECT_EQ(record["topology"]["threads"], Json::array({1, 2}));
  EXPECT_EQ(record["topology"]["cpus"].size(), 2U);
  EXPECT_EQ(record["topology"]["cpus"][1]["cpu"], 1);
  EXPECT_TRUE(record["machine"].contains("cpu"));
  EXPECT_NE(record["run"], example_record()["run"]);
}

// The host name may change between two calls (a container's does); the run keeps its label.
TEST(NewRecord, OptionsHoldTheLabel) {
  const Json record = example_record();
  EXPECT_EQ(record["options"]["label"], record["label"]);
  const Options call = parse_command_line({"--resume", "r.csv"}, kKnownHere);
  Json other = record["options"];
  other["label"] = "container-1";
  EXPECT_EQ(resume_options(other, call, kKnownHere).label, "container-1");
}

TEST(WriteRecord, IsReadBack) {
  const TemporaryFolder folder;
  const Json record = example_record();
  write_record(folder / "sub/run.json", record);
  EXPECT_EQ(read_record(folder / "sub/run.json"), record);
  Json done = record;
  done["status"] = "complete";
  write_record(folder / "sub/run.json", done);
  EXPECT_EQ(read_record(folder / "sub/run.json")["status"], "complete");
}

TEST(WriteRecord, IsUtf8WhateverTheArgumentsWere) {
  const TemporaryFolder folder;
  Json record = example_record();
  record["command"] = "crossover --output \xFF.csv";
  write_record(folder / "run.json", record);
  EXPECT_EQ(read_record(folder / "run.json")["command"], "crossover --output \uFFFD.csv");
}

TEST(ParseRecord, RefusesWhatIsNoRecord) {
  const std::string good = example_record().dump();
  const auto without = [](const char* key) {
    Json record = example_record();
    record.erase(key);
    return record.dump();
  };
  const auto with = [](const char* key, const Json& value) {
    Json record = example_record();
    record[key] = value;
    return record.dump();
  };
  const std::vector<std::pair<std::string, std::string>> cases{
      {"", "not JSON"},
      {good.substr(0, good.size() / 2), "not JSON"},
      {good + "x", "not JSON"},
      {"\"\xFF\"", "not JSON"},
      {"1e999", "out of range"},
      {"[]", "no JSON object"},
      {"{}", "\"schema\""},
      {without("run"), "\"run\""},
      {without("machine"), "\"machine\""},
      {with("schema", "1"), "\"schema\""},
      {with("label", 5), "\"label\""},
      {with("options", Json::array()), "\"options\""},
      {std::string(100000, '['), "nested too deeply"},
  };
  for (const auto& [text, says] : cases) {
    try {
      parse_record(text);
      ADD_FAILURE() << "accepted: " << text.substr(0, 50);
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr(says));
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    }
  }
}

TEST(ReadRecord, NamesTheFile) {
  const TemporaryFolder folder;
  replace_file(folder / "bad.json", "{}");
  for (const char* name : {"missing.json", "bad.json"}) {
    try {
      read_record(folder / name);
      ADD_FAILURE() << "read";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr((folder / name).string()));
    }
  }
}

}  // namespace
}  // namespace crossover
