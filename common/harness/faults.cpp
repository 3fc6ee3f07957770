// Loaded before everything else (LD_PRELOAD) by hostile_test.py: lets system calls and allocations
// of the program fail. CROSSOVER_FAULT=write:7 lets the seventh call that writes files fail, once;
// CROSSOVER_FAULT=memory:7 the seventh allocation, thread:7 the seventh thread, thread:7+ all from
// there on. Calls are counted from when the program has set up its signals.

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

std::atomic<bool> counting{false};

struct Fault {
  char kind[16] = "";
  int which = 0;
  char for_good = 0;
};

const Fault& fault() {
  static const Fault given = [] {
    Fault read;
    const char* const text = std::getenv("CROSSOVER_FAULT");
    if (text != nullptr) std::sscanf(text, "%15[a-z]:%d%c", read.kind, &read.which, &read.for_good);
    return read;
  }();
  return given;
}

/// Whether this call of the kind is the one that fails.
bool fails(const char* kind) {
  static std::atomic<int> calls{0};
  if (!counting || std::strcmp(kind, fault().kind) != 0) return false;
  const int call = ++calls;
  return call == fault().which || (fault().for_good == '+' && call > fault().which);
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

int refuse(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

sighandler_t signal(int number, sighandler_t handler) noexcept {
  static auto* const next = real<sighandler_t(int, sighandler_t)>("signal");
  counting = true;
  return next(number, handler);
}

int open(const char* path, int flags, ...) {
  static auto* const next = real<int(const char*, int, ...)>("open");
  va_list arguments;
  va_start(arguments, flags);
  const auto mode = va_arg(arguments, unsigned);
  va_end(arguments);
  return (flags & O_ACCMODE) != O_RDONLY && fails("write") ? refuse(EMFILE)
                                                           : next(path, flags, mode);
}

ssize_t write(int file, const void* bytes, size_t count) {
  static auto* const next = real<ssize_t(int, const void*, size_t)>("write");
  return fails("write") ? refuse(ENOSPC) : next(file, bytes, count);
}

int ftruncate(int file, off_t size) noexcept {
  static auto* const next = real<int(int, off_t)>("ftruncate");
  return fails("write") ? refuse(EIO) : next(file, size);
}

int fallocate(int file, int mode, off_t begin, off_t size) {
  static auto* const next = real<int(int, int, off_t, off_t)>("fallocate");
  return fails("write") ? refuse(ENOSPC) : next(file, mode, begin, size);
}

int fsync(int file) {
  static auto* const next = real<int(int)>("fsync");
  return fails("write") ? refuse(EIO) : next(file);
}

int rename(const char* from, const char* to) noexcept {
  static auto* const next = real<int(const char*, const char*)>("rename");
  return fails("write") ? refuse(ENOSPC) : next(from, to);
}

void* mmap(void* where, size_t size, int rights, int flags, int file, off_t offset) noexcept {
  static auto* const next = real<void*(void*, size_t, int, int, int, off_t)>("mmap");
  if (!fails("memory")) return next(where, size, rights, flags, file, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*body)(void*),
                   void* argument) noexcept {
  static auto* const next =
      real<int(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)>("pthread_create");
  return fails("thread") ? EAGAIN : next(thread, attributes, body, argument);
}

}  // extern "C"

void* operator new(std::size_t size) {
  void* const memory = fails("memory") ? nullptr : std::malloc(size > 0 ? size : 1);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
