#include "cpu/peak.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

#include "common/topology.hpp"

namespace crossover::cpu {
namespace {

class PeakGflops : public testing::Test {
 protected:
  int cpu_ = detect_topology().allowed_cpus().front();
};

// A core does at least one operation a nanosecond and not a thousand; a machine under load, a
// tenth.
TEST_F(PeakGflops, IsARateOfThisCentury) {
  for (const ElementType type : {ElementType::f32, ElementType::f64}) {
    const double rate = peak_gflops(type, {cpu_});
    EXPECT_GT(rate, 0.1) << name(type);
    EXPECT_LT(rate, 1000) << name(type);
  }
}

TEST_F(PeakGflops, IsThatOfAllThreadsTogether) {
  // Two on one CPU share it: whichever way, together they are no faster than it is.
  EXPECT_GT(peak_gflops(ElementType::f32, {cpu_, cpu_}), 0.1);
}

TEST_F(PeakGflops, LeavesTheCallingThreadWhereItWas) {
  const std::vector<int> before = detect_topology().allowed_cpus();
  peak_gflops(ElementType::f64, {cpu_});
  EXPECT_EQ(detect_topology().allowed_cpus(), before);
}

TEST_F(PeakGflops, IsNotOfIntegers) {
  EXPECT_THROW(peak_gflops(ElementType::i32, {cpu_}), std::invalid_argument);
}

}  // namespace
}  // namespace crossover::cpu
