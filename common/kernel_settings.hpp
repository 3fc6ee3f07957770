#pragma once

#include <optional>
#include <string>

#include "common/limits.hpp"

/// What a kernel and its firmware were told that changes how fast a machine is, in words; nothing
/// where the system does not tell.
namespace crossover {

/// Whether cores may run above their base clock: "on" or "off".
std::optional<std::string> turbo(const SystemRoot& root);

/// Against which weaknesses of the processor the kernel defends itself, which costs time at
/// system calls, switches or branches, which it leaves open, and of which it cannot know (a
/// hypervisor's): "retbleed, spectre_v2; open: mds; unknown: srbds"; "none" where it has none.
std::optional<std::string> mitigations(const SystemRoot& root);

/// Of the kernel's command line what sets cores, pages, clocks or mitigations: "nosmt
/// isolcpus=2-15". Neither names nor paths; "none" where nothing of it does.
std::optional<std::string> kernel_options(const SystemRoot& root);

}  // namespace crossover
