#include <cstdio>
#include <cstring>

/// A library in NVML's place: two GPUs, the first of which does not tell its energy, the second
/// not its link. Their throttle
/// reasons are those that fake_nvml_set_reasons() was last told.
extern "C" {

namespace {
constexpr const char* kBuses[] = {"0000:01:00.0", "0000:02:00.0"};
int gpus[2];
unsigned long long reasons = 0x1;  // idle
unsigned long long millijoules = 0;
int shut_down = 0;
}  // namespace

void fake_nvml_set_reasons(unsigned long long bits) { reasons = bits; }
int fake_nvml_shut_down() { return shut_down; }

int nvmlInit_v2() { return 0; }
int nvmlShutdown() {
  ++shut_down;
  return 0;
}
int nvmlDeviceGetHandleByPciBusId_v2(const char* id, void** device) {
  for (int i = 0; i < 2; ++i) {
    if (std::strcmp(id, kBuses[i]) != 0) continue;
    *device = &gpus[i];
    return 0;
  }
  return 6;  // not found
}
int nvmlSystemGetDriverVersion(char* text, unsigned length) {
  std::snprintf(text, length, "580.00.01");
  return 0;
}
int nvmlDeviceGetClockInfo(void*, unsigned kind, unsigned* mhz) {
  *mhz = kind == 1 ? 1980 : 3201;
  return kind == 1 || kind == 2 ? 0 : 2;
}
int nvmlDeviceGetTemperature(void*, unsigned sensor, unsigned* celsius) {
  *celsius = 41;
  return sensor == 0 ? 0 : 2;
}
int nvmlDeviceGetPowerUsage(void*, unsigned* milliwatts) {
  *milliwatts = 123'456;
  return 0;
}
int nvmlDeviceGetEnforcedPowerLimit(void*, unsigned* milliwatts) {
  *milliwatts = 700'000;
  return 0;
}
int nvmlDeviceGetMaxPcieLinkGeneration(void* device, unsigned* generation) {
  *generation = 5;
  return device == &gpus[0] ? 0 : 3;  // not supported
}
int nvmlDeviceGetMaxPcieLinkWidth(void*, unsigned* lanes) {
  *lanes = 16;
  return 0;
}
int nvmlDeviceGetTotalEnergyConsumption(void* device, unsigned long long* used) {
  if (device == &gpus[0]) return 3;  // not supported
  *used = millijoules += 1500;
  return 0;
}
int nvmlDeviceGetCurrentClocksThrottleReasons(void*, unsigned long long* bits) {
  *bits = reasons;
  return 0;
}
}
