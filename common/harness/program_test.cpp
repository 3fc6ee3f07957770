#include "common/harness/program.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "common/harness/csv.hpp"
#include "common/harness/fake_model.hpp"
#include "common/harness/record.hpp"
#include "common/harness/vocabulary.hpp"

namespace crossover {
namespace {

// What needs a model that goes wrong; the program as it is built is tried out by program_test.py.
class Program : public testing::Test {
 protected:
  Program() {
    std::filesystem::remove_all(folder_);
    models_.push_back(std::make_unique<FakeModel>("serial"));
  }
  ~Program() override { std::filesystem::remove_all(folder_); }

  int run(std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--workloads=reduce",
                                       "--sizes=100",
                                       "--threads=1",
                                       "--rounds=2",
                                       "--quiet",
                                       "--min-time=0.000001",
                                       "--output=" + csv_.string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_program(arguments, models_);
  }
  FakeBehaviour& model() { return static_cast<FakeModel&>(*models_[0]).behaviour; }

  std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) / ("crossover-program-" + std::to_string(getpid()));
  std::filesystem::path csv_ = folder_ / "run.csv";
  std::vector<std::unique_ptr<Model>> models_;
};

TEST_F(Program, EndsWith0WhenAllIsRight) {
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_csv(csv_).rows.size(), 4U);
  EXPECT_EQ(read_record(record_path(csv_)).at("status"), "complete");
}

TEST_F(Program, OpensEachModelBeforeTheFirstSample) {
  models_.push_back(std::make_unique<FakeModel>("threads"));
  ASSERT_EQ(run(), 0);
  for (const auto& model : models_) {
    const FakeLog& log = static_cast<FakeModel&>(*model).log;
    EXPECT_FALSE(log.prepared.empty());
    EXPECT_GT(log.opened, 0);
    EXPECT_EQ(log.opened_late, 0);
  }
  for (const auto& model : models_) static_cast<FakeModel&>(*model).log = {};
  testing::internal::CaptureStdout();
  ASSERT_EQ(run({"--list"}), 0);
  testing::internal::GetCapturedStdout();
  for (const auto& model : models_) EXPECT_EQ(static_cast<FakeModel&>(*model).log.opened, 0);
}

TEST_F(Program, EndsWith1WhenOneResultOfManyIsWrong) {
  int verified = 0;
  model().on_verify = [&] { return Verdict{1, ++verified != 2, "wrong"}; };
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(read_csv(csv_).rows.size(), 4U);
}

TEST_F(Program, EndsWith1WhenAModelThrows) {
  model().on_time = [] { throw std::runtime_error("gone"); };
  EXPECT_EQ(run(), 1);
}

TEST_F(Program, EndsWith0WhenSomethingIsSkipped) {
  model().on_prepare = [] { throw Unavailable("no"); };
  EXPECT_EQ(run(), 0);
}

TEST_F(Program, ExplainsEveryColumnThatItWrites) {
  model().columns = {{"watts", "W", "telemetry", "power"}};
  model().observed.values = {{"watts", 70}};
  ASSERT_EQ(run(), 0);
  const auto words = read_record(record_path(csv_)).at("vocabulary");
  EXPECT_EQ(column_names(words.at("columns")), read_csv(csv_).columns);
  EXPECT_EQ(words.at("columns").back().at("unit"), "W");
  EXPECT_EQ(words.at("models").at(0).at("name"), "serial");
}

TEST_F(Program, GoesOnOnlyInAFileOfTheSameColumns) {
  ASSERT_EQ(run(), 0);
  EXPECT_EQ(run_program({"--quiet", "--resume=" + csv_.string()}, models_), 0);
  model().columns = {{"watts", "W", "telemetry", "power"}};
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_program({"--quiet", "--resume=" + csv_.string()}, models_), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::HasSubstr("has other columns"));
}

TEST_F(Program, GoesOnWithColdCachesAsItBegan) {
  const std::vector<std::string> arguments{
      "--workloads=dot", "--sizes=100", "--threads=1",         "--cache=cold,warm",
      "--quiet",         "--rounds=2",  "--min-time=0.000001", "--output=" + csv_.string()};
  ASSERT_EQ(run_program(arguments, models_), 0);
  EXPECT_EQ(run_program({"--quiet", "--resume=" + csv_.string()}, models_), 0);
  EXPECT_EQ(read_csv(csv_).rows.size(), 8U) << "nothing is measured twice";
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_program({"--cache=cold", "--resume=" + csv_.string()}, models_), 2);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("--cache is 'cold' here but 'cold,warm' in the run"));
}

TEST_F(Program, HasThePeakOfArithmeticMeasured) {
  const auto cpu_of = [this](const std::string& workload) {
    std::filesystem::remove_all(folder_);
    EXPECT_EQ(
        run_program({"--workloads=" + workload, "--sizes=100", "--threads=1", "--rounds=1",
                     "--min-time=0.000001", "--quiet", "--output=" + csv_.string()},
                    models_, {.peak = [](auto, const auto&) { return 7.0; }, .fingerprint = {}}),
        0);
    return read_record(record_path(csv_)).at("machine").at("cpu");
  };
  EXPECT_EQ(cpu_of("fma4").at("measured_peak_gflops").at("f32").at("1"), 7);
  EXPECT_FALSE(cpu_of("reduce").contains("measured_peak_gflops"));
}

TEST_F(Program, LooksAtTheMachinesStateAtTheStartAndTheEndOfWhatIsNoTrial) {
  int looks = 0;
  Probes probes;
  probes.fingerprint = [&](const std::vector<int>& cpus) {
    EXPECT_FALSE(cpus.empty());
    Fingerprint seen{.clock_ghz = 3.0 + ++looks, .hand_overs = {{7, 60.5}}, .memory = {}};
    if (looks == 1) seen.memory = {.bytes = 1024, .read_gb_per_s = 12, .latency_ns = 99};
    return seen;
  };
  const std::vector<std::string> arguments{"--workloads=reduce", "--sizes=100",
                                           "--threads=1",        "--min-time=0.000001",
                                           "--precision=0.1",    "--output=" + csv_.string()};
  const auto run = [&](const std::string& rounds) {
    std::vector<std::string> all = arguments;
    all.push_back("--rounds=" + rounds);
    std::filesystem::remove(csv_);
    std::filesystem::remove(record_path(csv_));
    EXPECT_EQ(run_program(all, models_, probes), 0);
    return read_record(record_path(csv_));
  };
  EXPECT_FALSE(run("6").contains("states"));
  EXPECT_EQ(looks, 0);
  const nlohmann::ordered_json states = run("7").at("states");
  ASSERT_EQ(states.size(), 2U);
  EXPECT_EQ(states[0].at("clock_ghz"), 4);
  EXPECT_EQ(states[0].at("hand_over_ns").at("7"), 60.5);
  EXPECT_EQ(states[0].at("memory").at("latency_ns"), 99);
  EXPECT_EQ(states[1].at("clock_ghz"), 5);
  EXPECT_TRUE(states[1].at("memory").is_null());
  probes.fingerprint = [](const std::vector<int>&) -> Fingerprint {
    throw std::system_error(EAGAIN, std::generic_category());
  };
  const nlohmann::ordered_json record = run("7");
  EXPECT_EQ(record.at("status"), "complete") << "without a thread it goes on";
  EXPECT_FALSE(record.contains("states"));
}

TEST_F(Program, SummarisesARunOnAGpu) {
  model().devices = {Devices::gpus({0})};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  EXPECT_EQ(run_program({"--workloads=reduce", "--sizes=100", "--threads=1", "--rounds=7",
                         "--min-time=0.000001", "--output=" + csv_.string()},
                        models_),
            0);
  testing::internal::GetCapturedStderr();
  EXPECT_THAT(testing::internal::GetCapturedStdout(), testing::HasSubstr("reduce f32 at 100"));
}

TEST_F(Program, NoticesWhatHappensToItsFileAtTheLastLookAtTheMachine) {
  int looks = 0;
  Probes probes;
  probes.fingerprint = [&](const std::vector<int>&) {
    if (++looks == 2) std::filesystem::resize_file(csv_, 0);
    return Fingerprint{};
  };
  EXPECT_EQ(run_program(
                {"--workloads=reduce", "--sizes=100", "--threads=1", "--rounds=7",
                 "--min-time=0.000001", "--precision=0.1", "--quiet", "--output=" + csv_.string()},
                models_, probes),
            3);
  EXPECT_EQ(looks, 2);
  EXPECT_FALSE(read_csv(folder_ / "run.rescued.csv").rows.empty());
  EXPECT_EQ(read_record(folder_ / "run.rescued.json").at("status"), "failed");
}

// Whoever manages a model's processes ends this one too when one of them dies.
TEST_F(Program, EndsWith3WhenAProcessThatItNeedsHasEnded) {
  int samples = 0;
  model().on_verify = [&] {
    if (++samples == 2) {
      model().lost = "rank 1 has ended";
      kill(getpid(), SIGTERM);
      // Until it has been taken, and a little longer.
      sigset_t pending;
      do {
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
        sigpending(&pending);
      } while (sigismember(&pending, SIGTERM) == 1);
    }
    return Verdict{0, true, {}};
  };
  EXPECT_EQ(run(), 3);
  EXPECT_EQ(read_csv(csv_).rows.size(), 2U);
  const auto record = read_record(record_path(csv_));
  EXPECT_EQ(record.at("status"), "failed");
  EXPECT_EQ(record.at("end_reason"), "serial: rank 1 has ended");
}

TEST_F(Program, EndsWith3EvenInsideAnOperationThatWaitsForThatProcess) {
  model().on_time = [&] {
    model().lost = "rank 1 has ended";
    kill(getpid(), SIGTERM);
    std::this_thread::sleep_for(std::chrono::minutes(1));
  };
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "rank 1 has ended");
  EXPECT_EQ(read_record(record_path(csv_)).at("status"), "failed");
}

TEST_F(Program, GivesASampleUpThatOutlivesTheBudget) {
  model().on_time = [] { std::this_thread::sleep_for(std::chrono::hours(1)); };
  EXPECT_EXIT(run({"--budget=0.2"}), testing::ExitedWithCode(0), "");
  EXPECT_EQ(read_record(record_path(csv_)).at("end_reason"), "the time budget is spent");
  EXPECT_TRUE(read_csv(csv_).rows.empty());
}

TEST_F(Program, EndsWith3WhenALibraryEndsIt) {
  model().on_time = [] { std::exit(1); };
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "a library ended the program");
  EXPECT_EQ(read_record(record_path(csv_)).at("status"), "failed");
  std::filesystem::remove_all(folder_);
  model().on_time = [] { std::terminate(); };
  EXPECT_EXIT(run(), testing::ExitedWithCode(3), "a library ended the program");
  EXPECT_EQ(read_record(record_path(csv_)).at("status"), "failed");
}

TEST_F(Program, SkipsWhatTheSystemRefuses) {
  model().on_prepare = [] {
    throw std::system_error(EAGAIN, std::generic_category(), "no thread");
  };
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(read_csv(csv_).rows.at(0).status, Status::skipped);
}

TEST_F(Program, EndsWith2AndWritesNothingWhenANamedModelCannotRun) {
  model().unavailable = "no device";
  EXPECT_EQ(run({"--models=serial"}), 2);
  EXPECT_FALSE(std::filesystem::exists(folder_));
}

TEST_F(Program, SkipsAModelOfTheDefaultSetThatCannotRun) {
  models_.push_back(std::make_unique<FakeModel>("cuda"));
  static_cast<FakeModel&>(*models_[1]).behaviour.unavailable = "no NVIDIA driver";
  EXPECT_EQ(run(), 0);
  int skipped = 0;
  for (const Row& row : read_csv(csv_).rows) {
    if (row.status != Status::skipped) continue;
    ++skipped;
    EXPECT_EQ(row.model, "cuda");
    EXPECT_EQ(row.note, "no NVIDIA driver");
  }
  EXPECT_EQ(skipped, 1);
}

}  // namespace
}  // namespace crossover
