// ThreadSanitizer's options for every test: what the libraries that it does not instrument
// (OpenMP's own) do inside is theirs.
extern "C" const char* __tsan_default_options();

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }
