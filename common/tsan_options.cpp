// ThreadSanitizer's options for every test: what the libraries that it does not instrument
// (OpenMP's own) do inside is theirs, and no test leaves a thread behind that would race with its
// end, for which a second each would be waited.
extern "C" const char* __tsan_default_options();

extern "C" const char* __tsan_default_options() {
  return "ignore_noninstrumented_modules=1:atexit_sleep_ms=0";
}
