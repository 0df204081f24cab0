// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/loop.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace aperto {

/// What a server takes from where it runs, for the options that leave it open.
struct surroundings {
    std::size_t connections;  ///< at once, by the descriptors that there may be
    std::size_t memory;       ///< bytes that this process may use
    std::uint64_t seed;       ///< of hash tables, so that who connects cannot choose where it lands

    /// This machine, as far as this process may use it.
    static surroundings of_machine();
    /// A loop's: this machine, or, of a simulated one, always the same, so that a seed's run is the same
    /// everywhere.
    static surroundings of(loop& on);
};

/// Cores that this process may keep busy: its affinity (sched_setaffinity(2)), and the quota of its control
/// group. `root` as in control_group.hpp.
unsigned cores_allowed(const std::string& root = {}) noexcept;
/// Bytes of memory that this process may use: the machine's, or what its control group leaves it.
std::size_t memory_allowed(const std::string& root = {}) noexcept;

}  // namespace aperto
