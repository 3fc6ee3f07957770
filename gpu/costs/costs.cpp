#include "gpu/costs/costs.hpp"

#include <utility>

#include "common/counting.hpp"

namespace crossover::gpu {

CounterOperation::CounterOperation(const Configuration& configuration, Gpu& gpu,
                                   std::uint64_t counters, const MakeWork& make, Check check)
    : DeviceOperation(configuration, {&gpu}, counters, sizeof(std::uint64_t), true),
      values_(counters),
      check_(std::move(check)) {
  shares_.front()->memory = allocate(gpu, counters * sizeof(std::uint64_t));
  write_input();
  make_work([&](Share& share) {
    return make(share.stream, share.limit, reinterpret_cast<std::uint64_t*>(share.memory.data()));
  });
}

Verdict CounterOperation::verify() {
  copy(values_.data(), shares_.front()->memory.data(), cudaMemcpyDeviceToHost,
       "copying the counter back");
  return check_(values_, counting::first(salt_), static_cast<std::uint64_t>(done_));
}

void CounterOperation::write_input() {
  values_.assign(values_.size(), counting::first(salt_));
  copy(shares_.front()->memory.data(), values_.data(), cudaMemcpyHostToDevice,
       "setting the counter");
}

void CounterOperation::copy(void* to, const void* from, cudaMemcpyKind kind, const char* doing) {
  const Stream& stream = shares_.front()->stream;
  const std::size_t bytes = values_.size() * sizeof values_[0];
  stream.device().select();
  stream.device().check(cudaMemcpyAsync(to, from, bytes, kind, stream.get()), doing);
  wait();
}

}  // namespace crossover::gpu
