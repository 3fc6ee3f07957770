#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/harness/record.hpp"

namespace crossover {
namespace {

using testing::HasSubstr;
using Json = nlohmann::ordered_json;

Json example() {
  return Json::parse(R"({
    "schema": 1, "run": "a", "label": "box",
    "project": {"version": "0.1.0", "commit": "abc", "compiler": "GNU",
                "compiler_version": "12.2.0", "flags": "-O3", "build_type": "Release",
                "libraries": {"fmt": "9.1.0"}},
    "options": {},
    "machine": {"cpu": {"model": "X", "vendor": "V", "sockets": 1, "cores": 4, "threads": 8,
                        "caches": [{"level": 1, "bytes": 32768}]},
                "memory_bytes": 68719476736, "affinity": [0, 1, 2, 3], "cpu_quota": null,
                "kernel": "6.1", "gpus": [{"name": "G1"}, {"name": "G2"}]}
  })");
}

std::string refusal(const char* pointer, const Json& value) {
  Json changed = example();
  changed[Json::json_pointer(pointer)] = value;
  return refuse_resume(example(), changed);
}

TEST(RefuseResume, AcceptsTheSameMachineAndBuild) {
  EXPECT_EQ(refuse_resume(example(), example()), "");
  Json later = example();
  later["run"] = "b";
  later["started"] = "2026-02-01T00:00:00.000Z";
  later["status"] = "complete";
  later["machine"]["kernel"] = "6.2";
  EXPECT_EQ(refuse_resume(example(), later), "");
}

TEST(RefuseResume, NamesWhatDiffersAndBothValues) {
  EXPECT_EQ(refusal("/project/commit", "def"),
            "the program's commit was 'abc' when the run began and is 'def' now; go on with that "
            "build, or start a new run");
  struct Case {
    const char* pointer;
    Json value;
    const char *what, *before, *now;
  };
  const std::vector<Case> cases{
      {"/schema", 2, "schema", "1", "2"},
      {"/project/version", "0.2.0", "version", "0.1.0", "0.2.0"},
      {"/project/compiler", "Clang", "compiler", "GNU", "Clang"},
      {"/project/compiler_version", "13", "compiler's version", "12.2.0", "13"},
      {"/project/flags", "-O2", "flags", "-O3", "-O2"},
      {"/project/build_type", "Debug", "build type", "Release", "Debug"},
      {"/machine/cpu/model", "Y", "model", "X", "Y"},
      {"/machine/cpu/vendor", nullptr, "vendor", "V", "unknown"},
      {"/machine/cpu/sockets", 2, "sockets", "1", "2"},
      {"/machine/cpu/cores", 5, "cores", "4", "5"},
      {"/machine/cpu/threads", 9, "threads", "8", "9"},
      {"/machine/cpu/caches", Json::array(), "caches", "32768", "[]"},
      {"/machine/memory_bytes", 34359738368, "memory", "68719476736", "34359738368"},
      {"/machine/affinity", Json::array({0, 1}), "may use", "[0,1,2,3]", "[0,1]"},
      {"/machine/cpu_quota", 2.5, "quota", "unknown", "2.5"},
      {"/machine/gpus", Json::array(), "GPUs", "G1", "[]"},
      {"/machine/gpus/1/name", "G3", "GPUs", "G2", "G3"},
      {"/label", "crate", "label", "box", "crate"},
  };
  for (const Case& differing : cases) {
    const std::string line = refusal(differing.pointer, differing.value);
    EXPECT_THAT(line, testing::AllOf(HasSubstr(differing.what), HasSubstr(differing.before),
                                     HasSubstr(differing.now)))
        << differing.pointer;
    EXPECT_EQ(line.find('\n'), std::string::npos);
  }
}

TEST(RefuseResume, ForgivesWhatAKernelReserves) {
  EXPECT_EQ(refusal("/machine/memory_bytes", 68719476736 - (1 << 20)), "");
  EXPECT_NE(refusal("/machine/memory_bytes", nullptr), "");
}

TEST(RefuseResume, AMachineWithoutGpusMayHaveNoList) {
  Json none = example();
  none["machine"].erase("gpus");
  Json empty = example();
  empty["machine"]["gpus"] = Json::array();
  EXPECT_EQ(refuse_resume(none, empty), "");
}

TEST(RefuseResume, TakesAnyJson) {
  for (const Json& odd : {Json(), Json(5), Json::array({1}), Json("x"),
                          Json{{"machine", {1, 2}}, {"project", "x"}}}) {
    EXPECT_NE(refuse_resume(odd, example()), "");
    EXPECT_NE(refuse_resume(example(), odd), "");
  }
}

}  // namespace
}  // namespace crossover
