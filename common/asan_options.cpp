// The options of AddressSanitizer and LeakSanitizer for every test. What is freed stays for a
// while, so that its use is noticed; workers are forked by the thousand, and each copies the page
// tables of all that stays: so it is little. LLVM's OpenMP keeps what its threads had when they
// end.
extern "C" const char* __asan_default_options();
extern "C" const char* __lsan_default_options();
extern "C" const char* __lsan_default_suppressions();

extern "C" const char* __asan_default_options() { return "quarantine_size_mb=16"; }
extern "C" const char* __lsan_default_options() { return "print_suppressions=0"; }
extern "C" const char* __lsan_default_suppressions() { return "leak:libomp.so"; }
