#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "common/limits.hpp"
#include "common/topology.hpp"

namespace crossover {

/// The machine as a JSON object, for `--machine` and for a run's file:
///
///     cpu: model, vendor, sockets, cores, threads (hardware threads), smt (hardware threads of a
///       core), base_mhz, max_mhz, microcode, caches [level, type ("data", "instruction" or
///       "unified"), bytes (of one), shared_by (hardware threads)]
///     numa_nodes
///     memory_bytes, memory_limit_bytes (the tightest control group's)
///     page_size (bytes), huge_pages (transparent ones: "always", "madvise", "never")
///     governor, turbo, mitigations, kernel_options (common/kernel_settings.hpp)
///     virtualisation (as below), kernel, os
///     cpu_quota (CPUs), affinity (the number of hardware threads this process may use)
///
/// All of the machine counts, not only what this process may use. What the system does not tell is
/// null. Holds no user name, path or address.
nlohmann::json describe_machine(const Topology& topology, const SystemRoot& root = {});

/// What lies between this process and the hardware, in the words of systemd-detect-virt where it
/// has one: "kvm", "vmware", "docker", "docker on kvm", "none"; "vm" for a hypervisor without a
/// name. Nothing when the system does not tell.
std::optional<std::string> virtualisation(const SystemRoot& root = {});

/// The host name without its domain, which would be an address; empty where there is none.
std::string host_name();

}  // namespace crossover
