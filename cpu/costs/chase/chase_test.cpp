#include "cpu/costs/chase/chase.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/system_file.hpp"
#include "cpu/costs/cost_testing.hpp"

namespace crossover::cpu {
namespace {

TEST(RingOrder, IsOneRingThroughAllPlacesAndKnowsTheWayBack) {
  for (const std::uint64_t places : {1, 2, 3, 31, 32, 33, 1000, 4096}) {
    for (const std::uint32_t salt : {0U, 1U, 0xffffffffU}) {
      SCOPED_TRACE(places);
      const RingOrder order(places, salt);
      std::set<std::uint64_t> seen;
      std::uint64_t place = order.place(0);
      for (std::uint64_t step = 0; step < places; ++step) {
        ASSERT_LT(place, places);
        ASSERT_EQ(order.place(step), place);
        ASSERT_EQ(order.step(place), step);
        seen.insert(place);
        place = order.behind(place);
      }
      EXPECT_EQ(seen.size(), places);
      EXPECT_EQ(place, order.place(0));
    }
  }
}

TEST(RingOrder, HasNoStrideThatAPrefetcherKnows) {
  constexpr std::uint64_t kPlaces = 1 << 16;
  const RingOrder order(kPlaces, 7);
  std::map<std::uint64_t, int> strides;
  int near = 0;
  std::uint64_t place = order.place(0);
  for (int step = 0; step < 1 << 16; ++step) {
    const std::uint64_t next = order.behind(place);
    const std::uint64_t stride = (next - place) % kPlaces;
    ++strides[stride];
    near += stride < 32 || stride > kPlaces - 32 ? 1 : 0;  // within a page
    place = next;
  }
  for (const auto& [stride, times] : strides) EXPECT_LT(times, 20) << stride;
  // At random 63 of 65536 would be.
  EXPECT_LT(near, 200);
}

TEST(RingOrder, DependsOnTheSalt) {
  const RingOrder one(1024, 1);
  const RingOrder two(1024, 2);
  int alike = 0;
  for (std::uint64_t i = 0; i < 1024; ++i) alike += one.behind(i) == two.behind(i) ? 1 : 0;
  EXPECT_LT(alike, 20);
}

TEST(Chase, IsRightForEverySizeOnBothKindsOfPages) {
  for_each_variant("chase", {1}, [](Model& model, Configuration what) {
    if (what.variant == "huge-pages" && !huge_pages_allowed()) GTEST_SKIP() << "no huge pages";
    for (const std::uint64_t places : {0, 1, 2, 17, 4096, 300'001}) {
      what.elements = places;
      expect_correct(model, what);
    }
    expect_correct(model, what, Pin::none);
  });
}

/// Of this process, which holds `held`: the memory at it that lies on huge pages, in bytes.
std::uint64_t on_huge_pages(const void* held) {
  std::ifstream maps("/proc/self/smaps");
  std::string line;
  bool mine = false;
  while (std::getline(maps, line)) {
    if (const auto dash = line.find('-'); dash < line.find(' ')) {
      const auto at = reinterpret_cast<std::uint64_t>(held);
      mine = std::stoull(line, nullptr, 16) <= at &&
             at < std::stoull(line.substr(dash + 1), nullptr, 16);
    } else if (mine && line.starts_with("AnonHugePages:")) {
      return *kilobytes(line, "AnonHugePages");
    }
  }
  return 0;
}

const void* last_place = nullptr;
const Place* remember(const Place* at, std::uint64_t loads) {
  last_place = at;
  return follow(at, loads);
}

TEST(Chase, LiesOnTheKindOfPagesThatItIsNamedFor) {
  if (!huge_pages_allowed()) GTEST_SKIP() << "no huge pages";
  const Configuration what = configuration("chase", "pages", 1 << 16, 1);  // 8 MiB
  std::map<Pages, std::uint64_t> huge;
  for (const Pages pages : {Pages::huge, Pages::small}) {
    ChaseOperation operation(what, kHere, pages, remember);
    operation.renew(1);
    operation.time(1);
    huge[pages] = on_huge_pages(last_place);
  }
  EXPECT_EQ(huge[Pages::small], 0);
  if (huge[Pages::huge] == 0) GTEST_SKIP() << "the system has no huge page left, or tells of none";
}

bool right(ChaseOperation::Follow walk, std::uint64_t places = 1000) {
  ChaseOperation operation(configuration("chase", "fault", places, 1), kHere, Pages::small, walk);
  operation.renew(1);
  operation.time(3);
  return operation.verify().correct;
}

TEST(Chase, NoticesLoadsThatWereNotMade) {
  EXPECT_TRUE(right(follow));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t) { return at; }));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t loads) { return follow(at, loads - 1); }));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t loads) { return follow(at, loads / 2); }));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t loads) { return follow(at, loads) + 1; }));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t) { return at + 1'000'000; }));
  EXPECT_FALSE(right([](const Place*, std::uint64_t) -> const Place* { return nullptr; }));
  EXPECT_FALSE(right([](const Place* at, std::uint64_t) { return at; }, 1 << 19));
}

TEST(Chase, OfARingOfSecondsIsMeasuredInPartAndToldOfAll) {
  static std::uint64_t made = 0;
  made = 0;
  ChaseOperation operation(configuration("chase", "huge-pages", 1 << 20, 1), kHere, Pages::small,
                           [](const Place* at, std::uint64_t loads) {
                             made += loads;
                             return follow(at, loads);
                           });
  operation.renew(1);
  const auto start = std::chrono::steady_clock::now();
  const Nanoseconds told = operation.time(2);
  const Nanoseconds took = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(made, (std::uint64_t{2} << 18) + 1);
  EXPECT_LE(told, 4.0 * took);
  EXPECT_GT(told, Nanoseconds(0));
}

}  // namespace
}  // namespace crossover::cpu
