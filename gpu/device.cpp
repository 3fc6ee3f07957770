#include "gpu/device.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "common/model.hpp"

namespace crossover::gpu {

namespace {

/// After these every call in this process fails in the same way: the context is gone.
constexpr std::array kSticky{
    cudaErrorECCUncorrectable,
    cudaErrorIllegalAddress,
    cudaErrorLaunchTimeout,
    cudaErrorAssert,
    cudaErrorHardwareStackError,
    cudaErrorIllegalInstruction,
    cudaErrorMisalignedAddress,
    cudaErrorInvalidAddressSpace,
    cudaErrorInvalidPc,
    cudaErrorLaunchFailure,
    cudaErrorUnknown,
};
bool is_sticky(cudaError_t status) {
  return std::find(kSticky.begin(), kSticky.end(), status) != kSticky.end();
}

/// What to do about it, for the errors that a user can do something about.
std::string_view advice(cudaError_t status) {
  switch (status) {
    case cudaErrorECCUncorrectable:
      return "the memory has an uncorrectable error: see nvidia-smi -q -d ECC and the system's log";
    case cudaErrorLaunchTimeout:
      return "a display's watchdog ended the kernel: use smaller sizes or a GPU without a display";
    case cudaErrorDevicesUnavailable:
      return "another process holds the device exclusively: wait for it, or choose with --device";
    case cudaErrorUnknown:
      return "the driver may need a restart: see the system's log for Xid messages";
    default:
      return is_sticky(status) ? "run compute-sanitizer on this configuration to find the access"
                               : std::string_view{};
  }
}

/// Single-precision cores of a multiprocessor (CUDA Programming Guide, "Compute Capabilities":
/// arithmetic throughput), or 0 for those of the future.
int cores_per_multiprocessor(int major, int minor) {
  if (major < 5 || major > 12) return 0;
  return major == 7 || ((major == 6 || major == 8) && minor == 0) ? 64 : 128;
}

}  // namespace

double Properties::peak_flops_f32() const {
  return 2.0 * 1e3 * clock_khz * multiprocessors * cores_per_multiprocessor(major, minor);
}

double Properties::peak_flops_f64() const {
  return single_to_double > 0 ? peak_flops_f32() / single_to_double : 0;
}

std::string version(int code) { return fmt::format("{}.{}", code / 1000, code % 1000 / 10); }

std::string why_unavailable() {
  int driver = 0;
  int runtime = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0) {
    cudaGetLastError();
    return "no NVIDIA driver: install one (nvidia-smi must work), or leave cuda out of --models";
  }
  cudaRuntimeGetVersion(&runtime);
  // Within one major version any driver runs any toolkit's code.
  if (driver / 1000 < runtime / 1000) {
    return fmt::format(
        "the NVIDIA driver supports CUDA {} and this program was built with {}: update the driver, "
        "or build with a toolkit of CUDA {}",
        version(driver), version(runtime), driver / 1000);
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  cudaGetLastError();
  if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    return "no CUDA device: none is installed, or CUDA_VISIBLE_DEVICES hides it";
  }
  if (status != cudaSuccess) {
    return fmt::format("CUDA does not start: {} ({})", cudaGetErrorString(status),
                       cudaGetErrorName(status));
  }
  return {};
}

int device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) != cudaSuccess) {
    cudaGetLastError();
    return 0;
  }
  return count;
}

Device::Device(int number) : number_(number), name_(fmt::format("gpu{}", number)) {
  cudaDeviceProp told{};
  check(cudaGetDeviceProperties(&told, number), "asking for the device's properties");
  std::array<char, 32> pci{};
  check(cudaDeviceGetPCIBusId(pci.data(), static_cast<int>(pci.size()), number),
        "asking for the device's address");
  properties_.name = told.name;
  properties_.pci_bus_id = pci.data();
  properties_.memory_bytes = told.totalGlobalMem;
  const auto ask = [this](cudaDeviceAttr which) {
    int value = 0;
    check(cudaDeviceGetAttribute(&value, which, number_), "asking for an attribute");
    return value;
  };
  properties_.major = ask(cudaDevAttrComputeCapabilityMajor);
  properties_.minor = ask(cudaDevAttrComputeCapabilityMinor);
  properties_.multiprocessors = ask(cudaDevAttrMultiProcessorCount);
  properties_.l2_bytes = static_cast<std::uint64_t>(ask(cudaDevAttrL2CacheSize));
  // Attributes, because CUDA 13 took the clocks out of cudaDeviceProp.
  properties_.clock_khz = ask(cudaDevAttrClockRate);
  properties_.memory_clock_khz = ask(cudaDevAttrMemoryClockRate);
  properties_.memory_bus_bits = ask(cudaDevAttrGlobalMemoryBusWidth);
  properties_.shared_per_multiprocessor = ask(cudaDevAttrMaxSharedMemoryPerMultiprocessor);
  properties_.shared_per_block = ask(cudaDevAttrMaxSharedMemoryPerBlockOptin);
  properties_.copy_engines = ask(cudaDevAttrAsyncEngineCount);
  properties_.single_to_double = ask(cudaDevAttrSingleToDoublePrecisionPerfRatio);
  properties_.ecc = ask(cudaDevAttrEccEnabled) != 0;
}

void Device::select() const {
  check(cudaSetDevice(number_), "selecting the device");
  if (opened_) return;
  // A waiting host thread polls: to sleep until the driver wakes it costs tens of microseconds,
  // which would be most of a small operation's host-observed time.
  check(cudaSetDeviceFlags(cudaDeviceScheduleSpin), "choosing how to wait");
  opened_ = true;
}

void Device::check(cudaError_t status, std::string_view doing) const {
  if (status == cudaSuccess) return;
  cudaGetLastError();  // so that a later, innocent call does not report it
  const std::string said =
      fmt::format("{} ({})", cudaGetErrorString(status), cudaGetErrorName(status));
  if (status == cudaErrorMemoryAllocation) {
    throw Unavailable(fmt::format("{}: no room for {}: {}", name_, doing, said));
  }
  if (status == cudaErrorNoKernelImageForDevice || status == cudaErrorUnsupportedPtxVersion) {
    throw Unavailable(fmt::format(
        "{}: this build has no code for compute capability {}.{}: configure it with "
        "-DCMAKE_CUDA_ARCHITECTURES={}{}",
        name_, properties_.major, properties_.minor, properties_.major, properties_.minor));
  }
  const std::string_view help = advice(status);
  const std::string text =
      fmt::format("{}: {} failed: {}{}{}", name_, doing, said, help.empty() ? "" : "; ", help);
  if (is_sticky(status) && lost_.empty()) lost_ = text;
  throw std::runtime_error(text);
}

void Device::require_alive() const {
  if (!lost_.empty()) {
    throw std::runtime_error("the device was lost earlier in this run: " + lost_);
  }
}

std::uint64_t Device::free_bytes() const {
  select();
  std::size_t free = 0;
  std::size_t total = 0;
  check(cudaMemGetInfo(&free, &total), "asking for free memory");
  return free;
}

void* detail::allocate(const Device& device, Memory memory, std::uint64_t bytes) {
  device.select();
  void* data = nullptr;
  const std::uint64_t some = std::max<std::uint64_t>(bytes, 16);
  if (memory == Memory::device) {
    device.check(cudaMalloc(&data, some), fmt::format("{} bytes of device memory", bytes));
    return data;
  }
  const unsigned kind =
      memory == Memory::write_combined ? cudaHostAllocWriteCombined : cudaHostAllocMapped;
  device.check(cudaHostAlloc(&data, some, cudaHostAllocPortable | kind),
               fmt::format("{} bytes of page-locked host memory", bytes));
  // Flags and results start from a known state; data is filled by whoever asked for it.
  if (bytes <= 4096) std::memset(data, 0, some);
  return data;
}

Stream::Stream(const Device& device) : device_(&device) {
  device.select();
  cudaStream_t stream = nullptr;
  device.check(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "creating a stream");
  stream_.reset(stream);
}

void Stream::synchronize() const { device_->check(cudaStreamSynchronize(get()), "the work"); }

Event::Event(const Device& device, bool timed) : device_(&device) {
  device.select();
  cudaEvent_t event = nullptr;
  device.check(cudaEventCreateWithFlags(&event, timed ? cudaEventDefault : cudaEventDisableTiming),
               "creating an event");
  event_.reset(event);
}

void Event::record(const Stream& stream) const {
  device_->check(cudaEventRecord(get(), stream.get()), "recording an event");
}

double Event::milliseconds_since(const Event& start) const {
  float milliseconds = 0;
  device_->check(cudaEventElapsedTime(&milliseconds, start.get(), get()), "reading a timer");
  return milliseconds;
}

}  // namespace crossover::gpu
