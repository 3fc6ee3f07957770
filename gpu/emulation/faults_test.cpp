#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "gpu/models.hpp"
#include "gpu/operations.hpp"
#include "gpu/test_device.hpp"

/// What goes wrong on machines with GPUs, and what the model makes of it.
namespace crossover::gpu {
namespace {

using emulation::machine;
using testing::HasSubstr;

class Faults : public DeviceTest {
 protected:
  static Configuration configuration(std::string variant = "best", Scope scope = Scope::resident,
                                     std::uint64_t elements = 5000) {
    return {find_workload("reduce"),
            ElementType::f32,
            "cuda",
            std::move(variant),
            scope,
            elements,
            machine().devices.empty() ? 1 : machine().devices[0].multiprocessors,
            Devices::gpus({0})};
  }
  static Configuration cost(std::string_view workload, std::string variant,
                            std::uint64_t elements) {
    Configuration what = configuration(std::move(variant), Scope::resident, elements);
    what.workload = find_workload(workload);
    what.type = what.workload->types.front();
    return what;
  }
  static std::unique_ptr<Operation> prepare(Model& model, const Configuration& what) {
    return model.prepare(what, {{}, test_cpus(), false});
  }
  /// The message of the exception of type `Error` that preparing and running throws.
  template <class Error>
  static std::string message(Model& model, const Configuration& what) {
    try {
      const std::unique_ptr<Operation> operation = prepare(model, what);
      operation->renew(1);
      operation->time(1);
    } catch (const Error& error) {
      return error.what();
    } catch (const std::exception& error) {
      ADD_FAILURE() << "another exception: " << error.what();
      return {};
    }
    ADD_FAILURE() << "no exception";
    return {};
  }
  static void expect_works(Model& model, const Configuration& what = configuration()) {
    const std::unique_ptr<Operation> operation = prepare(model, what);
    operation->renew(1);
    operation->time(2);
    EXPECT_TRUE(operation->verify().correct);
  }
};

TEST_F(Faults, NoDriver) {
  machine().driver_version = 0;
  EXPECT_THAT(make_cuda()->unavailable(), HasSubstr("no NVIDIA driver"));
  EXPECT_TRUE(make_cuda()->hardware().at("gpus").empty());
  EXPECT_FALSE(make_cuda()->facts().empty());
}

TEST_F(Faults, DriverOlderThanTheToolkit) {
  machine().driver_version = 12040;
  EXPECT_THAT(make_cuda()->unavailable(), HasSubstr("supports CUDA 12.4"));
  EXPECT_THAT(make_cuda()->unavailable(), HasSubstr("built with 13.0"));
  // Of the same major version, any driver will do.
  machine().driver_version = 13000;
  machine().runtime_version = 13010;
  EXPECT_EQ(make_cuda()->unavailable(), "");
}

TEST_F(Faults, NoDevice) {
  machine().devices.clear();
  EXPECT_THAT(make_cuda()->unavailable(), HasSubstr("CUDA_VISIBLE_DEVICES"));
}

TEST_F(Faults, NoRoomIsSkippedAndTheNextSizeRuns) {
  machine().devices[0].memory = std::size_t{32} << 20;
  const auto model = make_cuda();
  const std::string why =
      message<Unavailable>(*model, configuration("best", Scope::resident, std::uint64_t{16} << 20));
  EXPECT_THAT(why, HasSubstr("needs 80.0 MiB of device memory, 32.0 MiB are free"));
  expect_works(*model);
}

TEST_F(Faults, AllocationThatFailsAllTheSame) {
  for (const auto& [variant, function] :
       {std::pair{"best", "cudaMalloc"}, {"best", "cudaHostAlloc"}, {"cublas", "cudaMalloc"}}) {
    for (int after = 0; after < 3; ++after) {
      SCOPED_TRACE(std::string(variant) + ": " + function + " number " + std::to_string(after));
      const auto model = make_cuda();
      expect_works(*model, configuration(variant));
      machine().faults[function] = {cudaErrorMemoryAllocation, after, false};
      std::string why;
      try {
        prepare(*model, configuration(variant));
      } catch (const Unavailable& reason) {
        why = reason.what();
      }
      if (machine().faults.contains(function)) {
        machine().faults.clear();  // not called so often
        continue;
      }
      EXPECT_THAT(why, HasSubstr("no room for"));
      expect_works(*model, configuration(variant));
    }
  }
}

TEST_F(Faults, TheDeviceIsOpenedBeforeAnythingIsMeasured) {
  const auto model = make_cuda();
  model->workers({{1}, std::nullopt, {0}});
  model->open(Devices::cpus());
  EXPECT_EQ(machine().calls["cudaSetDevice"], 0) << "no context for a run that needs none";
  model->open(Devices::gpus({0}));
  EXPECT_GT(machine().calls["cudaSetDevice"], 0);
  EXPECT_GT(machine().calls["cudaStreamCreateWithFlags"], 0);
  // Whatever is wrong, the samples tell it.
  machine().faults["cudaGetDeviceProperties"] = {cudaErrorInitializationError, 0, false};
  const auto broken = make_cuda();
  EXPECT_NO_THROW(broken->open(Devices::gpus({0})));
  EXPECT_THAT(message<std::runtime_error>(*broken, configuration()), HasSubstr("properties"));
}

TEST_F(Faults, NoImageForTheArchitecture) {
  const auto model = make_cuda();
  machine().devices[0].major = 7;
  machine().devices[0].minor = 5;
  machine().faults["cudaLaunchKernelEx"] = {cudaErrorNoKernelImageForDevice, 0, false};
  EXPECT_THAT(message<Unavailable>(*model, configuration()),
              HasSubstr("-DCMAKE_CUDA_ARCHITECTURES=75"));
}

// The emulation hides the memory from what begins early: a form that is right there has waited.
TEST_F(Faults, DependentLaunchesAreForOperationsInARow) {
  const auto early = [&](std::string variant, Scope scope) {
    const int before = machine().early_launches;
    expect_works(*make_cuda(), configuration(std::move(variant), scope));
    return machine().early_launches - before;
  };
  EXPECT_GT(early("dependent", Scope::kernel), 0);
  EXPECT_GT(early("best", Scope::kernel), 0);
  EXPECT_EQ(early("best", Scope::resident), 0) << "there is no kernel ahead";
  EXPECT_EQ(early("single-pass", Scope::kernel), 0);
  machine().devices[0].major = 8;
  EXPECT_EQ(early("best", Scope::kernel), 0);
}

TEST_F(Faults, DependentLaunchesLeaveRoomForTheKernelAhead) {
  // 25 blocks of 512 threads with 4 packs each; the emulated device runs 8 at a time.
  const std::uint64_t elements = 200'000;
  EXPECT_THAT(
      message<Unavailable>(*make_cuda(), configuration("dependent", Scope::kernel, elements)),
      HasSubstr("more than half of the 8"));
  expect_works(*make_cuda(), configuration("best", Scope::kernel, elements));
  EXPECT_EQ(machine().early_launches, 0);
}

TEST_F(Faults, BulkNeedsTheDeviceAndTheBuild) {
  Configuration what{
      find_workload("double"), ElementType::f32, "cuda", "bulk", Scope::resident, 5000, 4,
      Devices::gpus({0})};
  expect_works(*make_cuda(), what);
  machine().ptx_version = 75;
  EXPECT_THAT(message<Unavailable>(*make_cuda(), what), HasSubstr("9.0"));
  what.variant = "best";
  expect_works(*make_cuda(), what);
  machine().ptx_version = 90;
  machine().devices[0].major = 8;
  expect_works(*make_cuda(), what);
  what.variant = "bulk";
  EXPECT_THAT(message<Unavailable>(*make_cuda(), what), HasSubstr("9.0"));
}

TEST_F(Faults, StickyErrorLosesTheDeviceButNotTheRun) {
  const auto model = make_cuda();
  {
    const std::unique_ptr<Operation> operation = prepare(*model, configuration());
    operation->renew(1);
    operation->time(1);
    machine().faults["cudaStreamSynchronize"] = {cudaErrorIllegalAddress, 0, true};
    try {
      operation->time(1);
      FAIL() << "the error was not noticed";
    } catch (const Unavailable&) {
      FAIL() << "a device that failed is no configuration to skip";
    } catch (const std::runtime_error& error) {
      EXPECT_THAT(error.what(), HasSubstr("illegal memory access"));
      EXPECT_THAT(error.what(), HasSubstr("compute-sanitizer"));
    }
  }
  const int launches = machine().calls["cudaLaunchKernelEx"];
  const std::string why = message<std::runtime_error>(*model, configuration("vector"));
  EXPECT_THAT(why, HasSubstr("lost earlier in this run"));
  EXPECT_THAT(why, HasSubstr("illegal memory access"));
  EXPECT_EQ(machine().calls["cudaLaunchKernelEx"], launches) << "the lost device was used again";
  emulation::forget_allocations();  // a lost device frees nothing
}

TEST_F(Faults, DeviceThatSomebodyElseHolds) {
  const auto model = make_cuda();
  machine().faults["cudaSetDevice"] = {cudaErrorDevicesUnavailable, 0, false};
  EXPECT_THAT(message<std::runtime_error>(*model, configuration()), HasSubstr("exclusively"));
}

TEST_F(Faults, EveryCallIsChecked) {
  // Each runtime function that a sample calls, failing once at each of its first calls.
  const std::uint64_t elements = kFewThreads ? 300 : 3000;
  std::vector<Configuration> all;
  for (const char* variant : {"best", "vector", "atomic", "graph", "cub"}) {
    for (const Scope scope : {Scope::resident, Scope::kernel}) {
      all.push_back(configuration(variant, scope, elements));
    }
  }
  all.push_back(configuration("overlapped", Scope::offload, std::uint64_t{3} << 18));
  all.push_back(cost("count", "shared-atomic", elements));
  all.push_back(all.back());
  all.back().workers = 1;
  all.push_back(cost("create", "launch", 4));
  for (const Configuration& what : all) {
    machine().calls.clear();
    expect_works(*make_cuda(), what);
    const auto calls = machine().calls;
    for (const auto& [function, count] : calls) {
      if (function == "cudaFree" || function == "cudaFreeHost" ||
          function == "cudaGetDeviceCount") {
        continue;  // nothing to be done about the first two; the third has an answer without
      }
      for (const int after :
           kFewThreads ? std::set{count / 2} : std::set{0, count / 2, count - 1}) {
        SCOPED_TRACE(what.name() + ": " + function + " after " + std::to_string(after));
        const auto model = make_cuda();
        machine().faults[function] = {cudaErrorInvalidValue, after, false};
        bool thrown = false;
        try {
          expect_works(*model, what);
        } catch (const std::runtime_error&) {
          thrown = true;
        }
        // `overlapped` makes as many calls as the chunks that it has chosen: it may not come here.
        const bool met = !machine().faults.contains(function);
        EXPECT_EQ(thrown, met);
        machine().faults.clear();
      }
    }
  }
}

TEST_F(Faults, BlocksThatShareAMultiprocessorAreNoticed) {
  machine().placement = [](unsigned, int) { return 0U; };
  for (const auto& [workload, variant] :
       {std::pair{"double", "spread"}, {"reduce", "spread"}, {"count", "atomic"}}) {
    Configuration what = configuration(variant);
    what.workload = find_workload(workload);
    what.type = what.workload->types.front();
    what.workers = 3;
    const auto model = make_cuda();
    const std::unique_ptr<Operation> operation = prepare(*model, what);
    operation->renew(1);
    operation->time(1);
    EXPECT_THAT(operation->observe().disturbed, HasSubstr("3 blocks ran on 1 multiprocessors"));
  }
}

TEST_F(Faults, BlocksApartTakeMoreThanHalfOfTheSharedMemory) {
  // Half of a multiprocessor's shared memory would leave room for a second block. The same for some
  // multiprocessors and for all.
  for (const char* workload : {"double", "reduce", "count"}) {
    for (const int workers : {3, 4}) {
      machine().most_shared_bytes = 0;
      Configuration what = configuration("spread");
      if (workload == std::string("count")) what = cost("count", "atomic", 3000);
      what.workload = find_workload(workload);
      what.workers = workers;
      SCOPED_TRACE(what.name());
      expect_works(*make_cuda(), what);
      EXPECT_GT(machine().most_shared_bytes, static_cast<std::size_t>(228 << 10) / 2);
      EXPECT_LE(machine().most_shared_bytes, static_cast<std::size_t>(227 << 10));
    }
  }
}

class SeveralGpus : public Faults {
 protected:
  void SetUp() override {
    Faults::SetUp();
    emulation::DeviceModel second;
    second.name = "Another emulated GPU";
    second.pci = "0000:02:00.0";
    second.multiprocessors = 6;
    second.major = 8;
    machine().devices.push_back(second);
  }
};

TEST_F(SeveralGpus, EachAloneAndAllAtOnce) {
  const auto model = make_cuda();
  const Devices first = Devices::gpus({0});
  const Devices second = Devices::gpus({1});
  const Devices both = Devices::gpus({0, 1});
  using Workers = std::vector<std::pair<Devices, std::vector<int>>>;
  EXPECT_EQ(model->workers({{1}, std::nullopt, {}}),
            (Workers{{first, {4}}, {second, {6}}, {both, {10}}}));
  EXPECT_EQ(model->workers({{1}, std::nullopt, {1}}), (Workers{{second, {6}}}));
  EXPECT_EQ(model->workers({{1}, std::vector<int>{}, {1}}), (Workers{{second, {1, 2, 4, 6}}}));
  EXPECT_EQ(model->hardware().at("gpus").size(), 2U);
  try {
    model->workers({{1}, std::nullopt, {2}});
    FAIL();
  } catch (const std::invalid_argument& error) {
    EXPECT_STREQ(error.what(), "--device: there is no device 2; this machine has 0 to 1");
  }
  for (const char* workload : {"double", "reduce", "triad", "dot"}) {
    for (const Scope scope : {Scope::resident, Scope::kernel}) {
      for (const std::uint64_t n : {0, 1, 7, kFewThreads ? 10001 : 50001}) {
        for (const auto& [device, workers] : Workers{{second, {6}}, {both, {10}}}) {
          Configuration what = configuration("best", scope, n);
          what.workload = find_workload(workload);
          what.device = device;
          what.workers = workers.front();
          SCOPED_TRACE(what.name() + " on " + device.name());
          expect_works(*model, what);
        }
      }
    }
  }
}

TEST_F(SeveralGpus, WhatOnlyOneGpuDoes) {
  const auto model = make_cuda();
  Configuration what = configuration("pinned", Scope::offload);
  what.device = Devices::gpus({0, 1});
  what.workers = 10;
  EXPECT_THAT(message<Unavailable>(*model, what), HasSubstr("one GPU at a time"));
  what = configuration();
  what.device = Devices::gpus({0, 1});
  what.workers = 2;
  EXPECT_THAT(message<Unavailable>(*model, what), HasSubstr("all of their multiprocessors"));
}

TEST_F(SeveralGpus, OneLostLeavesTheOther) {
  const auto model = make_cuda();
  Configuration second = configuration();
  second.device = Devices::gpus({1});
  second.workers = 6;
  expect_works(*model, second);
  machine().faults["cudaStreamSynchronize"] = {cudaErrorECCUncorrectable, 0, false};
  EXPECT_THAT(message<std::runtime_error>(*model, second), HasSubstr("uncorrectable"));
  EXPECT_THAT(message<std::runtime_error>(*model, second), HasSubstr("lost earlier"));
  expect_works(*model);
}

}  // namespace
}  // namespace crossover::gpu
