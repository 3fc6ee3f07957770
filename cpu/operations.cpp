#include "cpu/operations.hpp"

#include <fmt/format.h>

#include <cstring>

#include "common/topology.hpp"
#include "cpu/costs/create/create.hpp"

namespace crossover::cpu {

std::uint64_t threaded_bytes(const Configuration& configuration) {
  const Workload& workload = *configuration.workload;
  if (!workload.on_arrays()) {
    return static_cast<std::uint64_t>(configuration.workers) * kWorkerBytes;
  }
  return static_cast<std::uint64_t>(workload.arrays) *
         Buffer::mapped_bytes(configuration.elements * size_of(configuration.type));
}

std::vector<Offer> array_offers(const Variant& variant, const decltype(Offer::make)& make,
                                const decltype(Offer::host_bytes)& host_bytes) {
  std::vector<Offer> offers;
  for (const Workload& workload : workloads()) {
    if (workload.on_arrays()) offers.push_back({&workload, variant, make, host_bytes});
  }
  return offers;
}

ThreadedModel::ThreadedModel(const std::vector<std::vector<Offer>>& offers) {
  for (const std::vector<Offer>& part : offers) {
    offers_.insert(offers_.end(), part.begin(), part.end());
  }
}

void require_threads(int workers) { const IdleThreads others(workers - 1); }

void refused(std::string_view what, int error) {
  throw Unavailable(fmt::format("the system refused {}: {}", what, std::strerror(error)));
}

const std::vector<int>& cpus_of(const Placement& placement) {
  return placement.cpus.empty() ? placement.allowed : placement.cpus;
}

void bind_worker(const Placement& placement, int worker) {
  if (placement.cpus.empty()) {
    bind_this_thread(placement.allowed);
  } else {
    bind_this_thread(placement.cpus.at(static_cast<std::size_t>(worker)));
  }
}

CallerBinding::CallerBinding(const Placement& placement, To to) : allowed_(placement.allowed) {
  if (to == To::all) {
    bind_this_thread(cpus_of(placement));
  } else {
    bind_worker(placement, 0);
  }
}

CallerBinding::~CallerBinding() {
  try {
    bind_this_thread(allowed_);
  } catch (const std::runtime_error&) {
    // Only when the mask has shrunk since the run began: the next team binds anew and reports it.
  }
}

}  // namespace crossover::cpu
