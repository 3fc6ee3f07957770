// For test programs that ThreadSanitizer leaves out, because they have one thread: here they are
// held to it.
#include <pthread.h>

#include <cstdio>
#include <cstdlib>

extern "C" int pthread_create(pthread_t* /*thread*/, const pthread_attr_t* /*attributes*/,
                              void* (* /*start*/)(void*), void* /*argument*/) noexcept {
  std::fputs(
      "A program of crossover_test(ONE_THREAD), which ThreadSanitizer leaves out, has started a "
      "thread\n",
      stderr);
  std::abort();
}
