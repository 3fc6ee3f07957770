// A fleet's nodes, each seen from its own side: run_program() with another node played by the test.
#include "common/harness/nodes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <filesystem>

#include "common/harness/fake_fleet.hpp"
#include "common/harness/fake_model.hpp"
#include "common/harness/file.hpp"
#include "common/harness/program.hpp"
#include "common/harness/record.hpp"
#include "common/harness/test_support.hpp"

namespace crossover {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

FleetJson description(const std::string& node, int affinity = 4) {
  return {{"node", node},
          {"machine",
           {{"cpu", {{"model", "a CPU"}, {"cores", 4}, {"threads", 4}}}, {"affinity", affinity}}}};
}

/// A row of node b.
Row row_of_b(int round, Status status = Status::ok) {
  Row row = status == Status::skipped ? skipped_row() : example_row();
  row.node = "b";
  row.round = round;
  row.status = status;
  return row;
}

class NodeZero : public testing::Test {
 protected:
  NodeZero() {
    models_.push_back(std::make_unique<FakeModel>("serial"));
    fleet_.on_send = [this](std::size_t, const FleetJson& message) {
      if (message.contains("options")) fleet_.hear(1, answer_);
      if (!message.contains("seed")) return;
      begun_ = message;
      for (const Row& row : rows_) fleet_.hear(1, {{"row", row}});
      if (ends_) {
        fleet_.hear(1, {{"status", status_}, {"text", "its reason"}});
      } else {
        kill(getpid(), SIGTERM);  // as mpirun does when a rank has died
      }
    };
  }
  int run(const std::vector<std::string>& options = {}) {
    std::vector<std::string> arguments{"--quiet"};
    if (options.empty()) {
      arguments.insert(arguments.end(),
                       {"--workloads=reduce", "--sizes=100", "--threads=1", "--rounds=2",
                        "--min-time=0.000001", "--output=" + csv_.string()});
    }
    arguments.insert(arguments.end(), options.begin(), options.end());
    return run_program(arguments, models_, &fleet_);
  }
  FleetJson record() { return read_record(record_path(csv_)); }

  TemporaryFolder folder_;
  std::filesystem::path csv_ = folder_ / "run.csv";
  std::vector<std::unique_ptr<Model>> models_;
  FakeFleet fleet_{0};
  FleetJson power_{{"name", "power_w"}, {"unit", "W"}, {"group", "telemetry"}, {"meaning", "power"}};
  FleetJson answer_{{"description", description("b")}, {"columns", {power_}}};
  FleetJson begun_;
  std::vector<Row> rows_{row_of_b(0), row_of_b(1)};
  bool ends_ = true;
  int status_ = 0;
};

TEST_F(NodeZero, WritesTheRowsOfAll) {
  EXPECT_EQ(run(), 0);
  std::vector<std::string> nodes;
  for (const Row& row : read_csv(csv_).rows) nodes.push_back(row.node);
  EXPECT_THAT(nodes, testing::UnorderedElementsAre("a", "a", "a", "a", "b", "b"));
  EXPECT_EQ(record().at("nodes").size(), 2U);
  EXPECT_EQ(record().at("nodes")[1], description("b"));
}

TEST_F(NodeZero, HasTheColumnsOfAllAndTheNodeLast) {
  rows_[0].extra = {{"power_w", 70.5}};
  run();
  const std::string text = read_file(csv_);
  EXPECT_THAT(text, HasSubstr(",note,cache,flops,power_w,node\n"));
  EXPECT_THAT(text, HasSubstr(",70.5,b\n"));
  const FleetJson columns = record().at("vocabulary").at("columns");
  EXPECT_EQ(columns.at(columns.size() - 2), power_);
  EXPECT_EQ(columns.back().at("name"), "node");
}

TEST_F(NodeZero, KeepsWhatJsonHasNoWordFor) {
  rows_ = {row_of_b(0, Status::failed)};
  rows_[0].error = std::nan("");
  rows_[0].note = "no UTF-8: \xff";
  EXPECT_EQ(run(), 1);
  bool found = false;
  for (const Row& row : read_csv(csv_).rows) {
    if (row.node != "b") continue;
    found = true;
    EXPECT_TRUE(std::isnan(row.error));
    EXPECT_EQ(row.note, "no UTF-8: ?");
  }
  EXPECT_TRUE(found);
}

TEST_F(NodeZero, EndsWith2AndWritesNothingWhenANodeCannot) {
  answer_ = {{"status", 2}, {"text", "no such GPU"}};
  testing::internal::CaptureStderr();
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "crossover: node b: no such GPU\n");
  EXPECT_FALSE(std::filesystem::exists(csv_));
}

TEST_F(NodeZero, EndsWith3WhenANodeFails) {
  status_ = 3;
  EXPECT_EQ(run(), 3);
  EXPECT_EQ(record().at("status"), "failed");
  EXPECT_EQ(record().at("end_reason"), "node b: its reason");
  EXPECT_EQ(read_csv(csv_).rows.size(), 6U);
}

TEST_F(NodeZero, EndsWith130WhenANodeWasInterrupted) {
  status_ = 130;
  EXPECT_EQ(run(), 130);
  EXPECT_EQ(record().at("status"), "interrupted");
}

TEST_F(NodeZero, EndsWith3WhenANodeSaysNoMore) {
  ends_ = false;
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "node b has ended or does not answer");
  EXPECT_EQ(record().at("status"), "failed");
  EXPECT_EQ(read_csv(csv_).rows.size(), 2U) << "what it said before is kept";
}

TEST_F(NodeZero, LetsNodesGoOnBehindTheirOwnRows) {
  ASSERT_EQ(run(), 0);
  rows_.clear();
  EXPECT_EQ(run({"--resume=" + csv_.string()}), 0);
  const auto earlier = begun_.at("earlier").get<std::vector<Row>>();
  ASSERT_EQ(earlier.size(), 2U);
  EXPECT_EQ(earlier[1].node, "b");
  EXPECT_EQ(earlier[1].round, 1);
  EXPECT_EQ(begun_.at("run"), record().at("run"));
  EXPECT_EQ(read_csv(csv_).rows.size(), 6U) << "nothing is measured twice";
}

TEST_F(NodeZero, GoesOnWithTheSameNodesOnly) {
  ASSERT_EQ(run(), 0);
  const std::string before = read_file(csv_);
  answer_["description"]["machine"]["cpu"]["model"] = "another CPU";
  testing::internal::CaptureStderr();
  EXPECT_EQ(run({"--resume=" + csv_.string()}), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("the CPU's model of node 'b' was 'a CPU'"));
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_program({"--resume=" + csv_.string()}, models_), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              HasSubstr("the list of nodes was [\"a\",\"b\"]"));
  EXPECT_EQ(read_file(csv_), before);
}

class OtherNode : public testing::Test {
 protected:
  OtherNode() {
    models_.push_back(std::make_unique<FakeModel>("serial"));
    fleet_.hear(0, {{"options",
                     {{"workloads", "reduce"},
                      {"sizes", "100"},
                      {"threads", "1"},
                      {"rounds", "2"},
                      {"min-time", "0.000001"},
                      {"label", "lab"}}},
                    {"benchmark_flags", FleetJson::array()}});
  }
  void begin(const std::vector<Row>& earlier = {}) {
    fleet_.hear(0, {{"run", "the run"}, {"seed", 7}, {"earlier", earlier}});
  }
  /// Its command line is that of all nodes, and not its own to read.
  int run() { return run_program({"--nonsense"}, models_, &fleet_); }
  std::vector<Row> rows() {
    std::vector<Row> found;
    for (const FleetJson& message : fleet_.sent) {
      if (message.contains("row")) found.push_back(message.at("row").get<Row>());
    }
    return found;
  }

  std::vector<std::unique_ptr<Model>> models_;
  FakeFleet fleet_{1};
};

TEST_F(OtherNode, PlansMeasuresAndSendsEachRow) {
  begin();
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(fleet_.sent.front().at("description").at("node"), "b");
  ASSERT_EQ(rows().size(), 4U);
  EXPECT_EQ(rows()[0].run, "the run");
  EXPECT_EQ(rows()[0].label, "lab");
  EXPECT_EQ(rows()[0].node, "b");
  EXPECT_EQ(fleet_.sent.back(), (FleetJson{{"status", 0}, {"text", "all rounds done"}}));
}

TEST_F(OtherNode, MeasuresNothingTwice) {
  Row row = example_row();
  row.elements = 100;
  row.model = "serial";
  row.variant = "best";
  row.workers = 1;
  row.round = 1;
  row.node = "b";
  Row of_another = row;
  of_another.round = 0;
  of_another.node = "a";
  begin({row, of_another});
  run();
  std::vector<int> rounds;
  for (const Row& taken : rows()) {
    if (taken.variant == "best") rounds.push_back(taken.round);
  }
  EXPECT_THAT(rounds, ElementsAre(0));
}

TEST_F(OtherNode, SaysWhyItCannot) {
  static_cast<FakeModel&>(*models_[0]).behaviour.unavailable = "no device";
  EXPECT_EQ(run(), 0) << "the status is node 0's to return";
  ASSERT_EQ(fleet_.sent.size(), 1U);
  EXPECT_EQ(fleet_.sent[0].at("status"), 2);
  EXPECT_THAT(fleet_.sent[0].at("text").get<std::string>(), HasSubstr("nothing to measure"));
}

TEST_F(OtherNode, EndsWhenNode0DoesBeforeAnythingIsMeasured) {
  fleet_.told_to_stop = true;
  EXPECT_EQ(run(), 0);
  EXPECT_TRUE(rows().empty());
}

TEST_F(OtherNode, EndsBehindASampleWhenToldTo) {
  begin();
  fleet_.on_send = [this](std::size_t, const FleetJson& message) {
    if (message.contains("row")) fleet_.told_to_stop = true;
  };
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_EQ(fleet_.sent.back().at("status"), 130);
}

TEST(BoundNodes, AreThoseThatMayNotUseAllTheirCpus) {
  FleetJson record = description("a");
  EXPECT_EQ(bound_nodes(record), "") << "no fleet";
  record["nodes"] = {{{"node", "a"}}, description("b")};
  EXPECT_EQ(bound_nodes(record), "");
  record["nodes"] = {{{"node", "a"}}, description("b", 1)};
  EXPECT_THAT(bound_nodes(record), HasSubstr("may use: b 1 of 4; mpirun --bind-to none"));
}

}  // namespace
}  // namespace crossover
