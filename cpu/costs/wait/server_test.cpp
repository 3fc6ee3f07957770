#include "cpu/costs/wait/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>
#include <vector>

#include "cpu/costs/cost_testing.hpp"

namespace crossover::cpu {
namespace {

using testing::HasSubstr;

/// A team of threads.
class Crew {
 public:
  Crew(int workers, const Placement&) : workers_(workers) {}
  template <class Body>
  void run(Body&& body) {
    std::vector<std::thread> threads;
    for (int worker = 0; worker < workers_; ++worker) threads.emplace_back(body, worker);
    for (std::thread& thread : threads) thread.join();
  }

 private:
  int workers_;
};

Placement anywhere() { return detect_topology().place(1, Pin::none); }

std::uint64_t wrong_for_every_tenth(std::uint64_t number) {
  return serving::answer(number) + (number % 10 == 0 ? 1 : 0);
}

TEST(Server, NoticesAWrongReply) {
  for (const ServerKind kind : {ServerKind::pool, ServerKind::per_connection, ServerKind::echo}) {
    const Configuration what = configuration("wait", "fault", 300, 2);
    ServerOperation<Crew> right(what, anywhere(), kind);
    right.renew(1);
    right.time(1);
    EXPECT_TRUE(right.verify().correct);
    ServerOperation<Crew> wrong(what, anywhere(), kind, wrong_for_every_tenth);
    wrong.renew(1);
    wrong.time(1);
    const Verdict verdict = wrong.verify();
    EXPECT_FALSE(verdict.correct);
    EXPECT_EQ(verdict.note, "30 of 300 replies are wrong");
    EXPECT_DOUBLE_EQ(verdict.error, 0.1);
    wrong.renew(2);
    EXPECT_TRUE(wrong.verify().correct) << "nothing was asked for yet";
  }
}

TEST(Server, TellsTheFastRequestsApart) {
  ServerOperation<Crew> operation(configuration("wait", "server", 1, 2), anywhere(),
                                  ServerKind::pool);
  operation.renew(1);
  EXPECT_TRUE(operation.observe().values.empty());
  const double one = operation.time(1).count();
  // All of the least is due within two periods; one operation is one request of them.
  const double requests = serving::kLeastPeriods * serving::kPeriod;
  EXPECT_GE(one, (requests - 1) / requests * serving::kInterval);
  const auto seen = values(operation.observe());
  expect_tail(seen, serving::kLeastPeriods * (serving::kPeriod - 1));
  EXPECT_NEAR(seen.at("op_p50_ns"), seen.at("fast_median_ns"), 0.02 * seen.at("fast_median_ns"));
  EXPECT_TRUE(operation.observe().values.empty()) << "nothing since the last look";
}

TEST(Server, WithOneThreadMakesFastRequestsWaitForSlowOnes) {
  const auto p99 = [](ServerKind kind, int workers) {
    ServerOperation<Crew> operation(configuration("wait", "server", 240, workers), anywhere(),
                                    kind);
    operation.renew(1);
    operation.time(1);
    return values(operation.observe()).at("fast_p99_ns");
  };
  for (const ServerKind kind : {ServerKind::pool, ServerKind::per_connection}) {
    EXPECT_GE(p99(kind, 1), 0.8 * serving::kSlow);
    // A busy machine may be late, but not every time.
    double least = serving::kSlow;
    for (int i = 0; i < 100 && least > 0.3 * serving::kSlow; ++i)
      least = std::min(least, p99(kind, 4));
    EXPECT_LE(least, 0.3 * serving::kSlow);
  }
}

TEST(Server, AnswersASocketThatEchoesAsFastAsItCan) {
  ServerOperation<Crew> operation(configuration("wait", "server-echo", 2000, 1), anywhere(),
                                  ServerKind::echo);
  operation.renew(1);
  operation.time(1);
  EXPECT_TRUE(operation.verify().correct);
  const auto seen = values(operation.observe());
  expect_tail(seen, 2000);
  EXPECT_FALSE(seen.contains("fast_p99_ns")) << "there are no slow ones";
}

TEST(Clients, NoticeAServerThatIsGone) {
  serving::Connections connections(3);
  connections.server.clear();
  serving::Clients clients(connections, ServerKind::echo);
  try {
    clients.run(10);
    FAIL() << "nobody can have replied";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("closed a connection"));
  }
}

TEST(Connections, AreRefusedWhereTheSystemHasNoMore) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit few{64, 64};
    setrlimit(RLIMIT_NOFILE, &few);
    try {
      const serving::Connections connections(64);
    } catch (const Unavailable&) {
      _exit(0);
    }
    _exit(1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace crossover::cpu
