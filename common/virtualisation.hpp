#pragma once

#include <optional>
#include <string>

#include "common/limits.hpp"

namespace crossover {

/// What lies between this process and the hardware, in the words of systemd-detect-virt where it
/// has one: "kvm", "vmware", "docker", "docker on kvm", "none"; "vm" for a hypervisor without a
/// name. Nothing when the system does not tell.
std::optional<std::string> virtualisation(const SystemRoot& root = {});

}  // namespace crossover
