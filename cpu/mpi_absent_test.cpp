#include <gtest/gtest.h>

#include "cpu/mpi.hpp"

namespace crossover::cpu {
namespace {

TEST(MpiAbsent, RunsTheProgramAlone) {
  EXPECT_EQ(with_ranks([](mpi::Ranks* ranks) { return ranks == nullptr ? 7 : 0; }), 7);
}

TEST(MpiAbsent, SaysWhyItCannotRun) {
  const auto model = make_mpi(nullptr);
  EXPECT_EQ(model->name(), "mpi");
  EXPECT_NE(model->unavailable().find("built without MPI"), std::string::npos);
  EXPECT_TRUE(model->offers().empty());
}

}  // namespace
}  // namespace crossover::cpu
