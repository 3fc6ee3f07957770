// LeakSanitizer's suppressions for every test: LLVM's OpenMP keeps what its threads had when they
// end.
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }
