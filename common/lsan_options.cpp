// LeakSanitizer's options and suppressions for every test: LLVM's OpenMP keeps what its threads had
// when they end.
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }
