#pragma once

#include <cuda_runtime.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  int shared_reserved = 0;            ///< bytes of each block that the system takes
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

/// Memory of a device; 256-byte aligned, uninitialised. Throws Unavailable when there is no room.
template <class T>
class DeviceArray {
 public:
  DeviceArray() = default;
  DeviceArray(const Device& device, std::uint64_t elements);
  DeviceArray(DeviceArray&& other) noexcept { swap(other); }
  DeviceArray& operator=(DeviceArray&& other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceArray() { cudaFree(data_); }

  T* data() const { return data_; }
  std::uint64_t size() const { return elements_; }

 private:
  void swap(DeviceArray& other) {
    std::swap(data_, other.data_);
    std::swap(elements_, other.elements_);
  }
  T* data_ = nullptr;
  std::uint64_t elements_ = 0;
};

/// Page-locked memory of the host that devices read and write at the same address (unified virtual
/// addressing); zeroed when small.
template <class T>
class PinnedArray {
 public:
  PinnedArray() = default;
  PinnedArray(const Device& device, std::uint64_t elements);
  PinnedArray(PinnedArray&& other) noexcept { swap(other); }
  PinnedArray& operator=(PinnedArray&& other) noexcept {
    swap(other);
    return *this;
  }
  ~PinnedArray() { cudaFreeHost(data_); }

  T* data() const { return data_; }
  std::uint64_t size() const { return elements_; }
  T& operator[](std::uint64_t i) const { return data_[i]; }

 private:
  void swap(PinnedArray& other) {
    std::swap(data_, other.data_);
    std::swap(elements_, other.elements_);
  }
  T* data_ = nullptr;
  std::uint64_t elements_ = 0;
};

/// A stream that does not wait for the legacy default stream.
class Stream {
 public:
  explicit Stream(const Device& device);
  Stream(Stream&& other) noexcept : device_(other.device_), stream_(other.release()) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  const Device& device() const { return *device_; }
  cudaStream_t get() const { return stream_; }
  /// Returns when all work in the stream is done; throws what went wrong with it.
  void synchronize() const;

 private:
  cudaStream_t release() { return std::exchange(stream_, nullptr); }
  const Device* device_;
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  /// `timed`: elapsed_since() works; ordering alone is cheaper without.
  explicit Event(const Device& device, bool timed);
  Event(Event&& other) noexcept
      : device_(other.device_), event_(std::exchange(other.event_, nullptr)) {}
  Event& operator=(Event&&) = delete;
  ~Event();

  cudaEvent_t get() const { return event_; }
  void record(const Stream& stream) const;
  /// Milliseconds; both events must have happened. Resolution about half a microsecond.
  double milliseconds_since(const Event& start) const;

 private:
  const Device* device_;
  cudaEvent_t event_ = nullptr;
};

// What follows is how, not what.

namespace detail {
void* allocate_device(const Device& device, std::uint64_t bytes);
void* allocate_pinned(const Device& device, std::uint64_t bytes);
}  // namespace detail

template <class T>
DeviceArray<T>::DeviceArray(const Device& device, std::uint64_t elements)
    : data_(static_cast<T*>(detail::allocate_device(device, elements * sizeof(T)))),
      elements_(elements) {}

template <class T>
PinnedArray<T>::PinnedArray(const Device& device, std::uint64_t elements)
    : data_(static_cast<T*>(detail::allocate_pinned(device, elements * sizeof(T)))),
      elements_(elements) {}

}  // namespace crossover::gpu
