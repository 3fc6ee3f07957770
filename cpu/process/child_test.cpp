#include "cpu/process/child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <omp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <stdexcept>
#include <thread>

#include "common/topology.hpp"

namespace crossover::cpu {
namespace {

Placement anywhere() { return detect_topology().place(1, Pin::none); }

TEST(Child, WaitsForTheEndOfOneThatAnotherThreadWaitsForAsWell) {
  Child child(0, anywhere(), [] {
    for (;;) pause();
  });
  std::thread watcher([&] { child.await_end(); });
  child.kill();
  watcher.join();
  EXPECT_THROW(child.check(), std::runtime_error);
  child.kill();  // reaped: nobody has its number any more
}

TEST(Child, KeepsTheFilesThatItIsGivenAndNoOther) {
  std::array<int, 2> kept{};
  std::array<int, 2> closed{};
  ASSERT_EQ(pipe(kept.data()), 0);
  ASSERT_EQ(pipe(closed.data()), 0);
  const auto work = [&] {
    const bool right = write(closed[1], "x", 1) < 0;
    if (write(kept[1], right ? "y" : "n", 1) != 1) _exit(1);
  };
  Child(0, anywhere(), work, kept).join();
  char answer = 0;
  EXPECT_EQ(read(kept[0], &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  for (const int file : {kept[0], kept[1], closed[0], closed[1]}) close(file);
}

#ifdef KMP_VERSION_MAJOR

/// The name of LLVM's OpenMP for a process's shared memory object.
std::string object_of(pid_t process) {
  return fmt::format("/__KMP_REGISTERED_LIB_{}_{}", process, getuid());
}

bool exists(const std::string& object) {
  const int file = shm_open(object.c_str(), O_RDONLY, 0);
  if (file >= 0) close(file);
  return file >= 0;
}

/// As a process does that had no time to remove its object.
void leave_object() { close(shm_open(object_of(getpid()).c_str(), O_CREAT | O_RDWR, 0600)); }

TEST(Child, LeavesNoObjectOfOpenMpWhenItIsKilled) {
  std::string object;
  {
    const Child child(0, anywhere(), [] {
      leave_object();
      for (;;) pause();
    });
    object = object_of(child.pid());
    while (!exists(object)) std::this_thread::yield();
  }
  EXPECT_FALSE(exists(object));
}

TEST(Child, LeavesNoObjectOfOpenMpWhenItEndsBadly) {
  Child child(0, anywhere(), [] {
    leave_object();
    throw 1;
  });
  const std::string object = object_of(child.pid());
  EXPECT_THROW(child.join(), std::runtime_error);
  EXPECT_FALSE(exists(object));
}

TEST(Child, IsNotLookedAfterWhenItEndsWell) {
  // It has removed its object before it began; to try again would be in the time that `create`
  // takes.
  Child child(0, anywhere(), leave_object);
  const std::string object = object_of(child.pid());
  child.join();
  EXPECT_TRUE(exists(object));
  shm_unlink(object.c_str());
}

#endif

}  // namespace
}  // namespace crossover::cpu
