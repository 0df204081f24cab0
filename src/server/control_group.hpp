// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <string>

/// What the control group of this process leaves it (cgroups(7)): version 1 and version 2, its own group and
/// those above it, the least of them. `root` is where proc and sys are: "" on a machine, a folder in a test.
namespace aperto::control_group {

/// Bytes of memory; none where no group limits it. Throws std::bad_alloc alone.
std::optional<std::size_t> memory_limit(const std::string& root = {});
/// Cores' worth of time, rounded up; at least 1. A quota of half a core still needs one worker.
std::optional<unsigned> cpu_limit(const std::string& root = {});

}  // namespace aperto::control_group
