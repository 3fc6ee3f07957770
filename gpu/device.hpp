#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>

/// CUDA devices, and everything that CUDA hands out, owned. All functions throw
///
///   Unavailable          when a configuration does not fit: no room, no code for this device
///   std::runtime_error   when the device failed
///
/// with one line that says what was tried, what CUDA said, and what to do about it.
namespace crossover::gpu {

/// What a device is, in its own words.
struct Properties {
  std::string name;
  std::string pci_bus_id;
  int major = 0;  ///< compute capability
  int minor = 0;
  int multiprocessors = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t l2_bytes = 0;
  int clock_khz = 0;         ///< the highest of the multiprocessors, 0 when not told
  int memory_clock_khz = 0;  ///< likewise of the memory
  int memory_bus_bits = 0;
  int shared_per_multiprocessor = 0;  ///< bytes
  int shared_per_block = 0;           ///< bytes a block can have, when it asks
  int copy_engines = 0;
  int single_to_double = 0;  ///< how many times faster single precision is, 0 when not told
  bool ecc = false;

  /// The theoretical peak of the memory in bytes a second, or 0 when the device does not tell: two
  /// transfers a clock (double data rate) on every line of the bus.
  double peak_bytes_per_s() const { return 2.0 * 1e3 * memory_clock_khz * memory_bus_bits / 8.0; }
  /// The theoretical peak of multiply-adds in single precision, two operations each, in operations
  /// a second, or 0 when it is not known: one a clock on every core.
  double peak_flops_f32() const;
  /// The same in double precision.
  double peak_flops_f64() const;
};

/// A version as CUDA codes it: 13000 is "13.0".
std::string version(int code);

/// Why CUDA cannot be used on this machine, or empty.
std::string why_unavailable();

/// How many devices CUDA shows; 0 when why_unavailable() has an answer.
int device_count();

/// One device. It outlives what was allocated on it. Not thread-safe.
class Device {
 public:
  explicit Device(int number);
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int number() const { return number_; }
  /// "gpu0", "gpu1", ...
  const std::string& name() const { return name_; }
  const Properties& properties() const { return properties_; }

  /// Makes this the calling thread's device. The first call creates the context; before it, a
  /// device only tells what it is.
  void select() const;

  /// Throws unless `status` is cudaSuccess. `doing` completes "gpu0: ... failed". After an error
  /// that CUDA cannot recover from in this process, the device counts as lost.
  void check(cudaError_t status, std::string_view doing) const;

  /// Throws the error that the device was lost with, if it was.
  void require_alive() const;

  /// Bytes that can be allocated now.
  std::uint64_t free_bytes() const;

 private:
  int number_;
  std::string name_;
  Properties properties_;
  mutable bool opened_ = false;
  mutable std::string lost_;
};

enum class Memory {
  device,  ///< of a device; 256-byte aligned, uninitialised
  pinned,  ///< of the host, page-locked: devices read and write it at the same address (unified
           ///< virtual addressing); zeroed when small
  write_combined,  ///< likewise, and in no CPU's cache: fast to write, slow to read
};

namespace detail {
void* allocate(const Device& device, Memory memory, std::uint64_t bytes);
}  // namespace detail

/// An array in such memory, owned. Throws Unavailable when there is no room.
template <class T, Memory kMemory>
class CudaArray {
 public:
  CudaArray() = default;
  CudaArray(const Device& device, std::uint64_t elements)
      : data_(static_cast<T*>(detail::allocate(device, kMemory, elements * sizeof(T)))),
        elements_(elements) {}

  T* data() const { return data_.get(); }
  std::uint64_t size() const { return elements_; }
  T& operator[](std::uint64_t i) const requires(kMemory == Memory::pinned) { return data()[i]; }

 private:
  struct Free {
    void operator()(T* data) const {
      kMemory == Memory::device ? cudaFree(data) : cudaFreeHost(data);
    }
  };
  std::unique_ptr<T, Free> data_;
  std::uint64_t elements_ = 0;
};
template <class T>
using DeviceArray = CudaArray<T, Memory::device>;
template <class T>
using PinnedArray = CudaArray<T, Memory::pinned>;
template <class T>
using WriteCombinedArray = CudaArray<T, Memory::write_combined>;

/// What CUDA hands out a handle for, owned; `kDestroy` gives it back.
template <auto kDestroy>
struct Destroy {
  void operator()(auto* handle) const { kDestroy(handle); }
};
template <class Handle, auto kDestroy>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy<kDestroy>>;

/// A stream that does not wait for the legacy default stream.
class Stream {
 public:
  explicit Stream(const Device& device);

  const Device& device() const { return *device_; }
  cudaStream_t get() const { return stream_.get(); }
  /// Returns when all work in the stream is done; throws what went wrong with it.
  void synchronize() const;

 private:
  const Device* device_;
  Owned<cudaStream_t, cudaStreamDestroy> stream_;
};

class Event {
 public:
  /// `timed`: milliseconds_since() works; ordering alone is cheaper without.
  explicit Event(const Device& device, bool timed);

  cudaEvent_t get() const { return event_.get(); }
  void record(const Stream& stream) const;
  /// Both events must have happened. Resolution about half a microsecond.
  double milliseconds_since(const Event& start) const;

 private:
  const Device* device_;
  Owned<cudaEvent_t, cudaEventDestroy> event_;
};

}  // namespace crossover::gpu
