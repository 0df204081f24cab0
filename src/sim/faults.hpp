// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/sim.hpp"

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace aperto::sim {

inline constexpr std::size_t fault_count = 23;

struct fault_kind {
    std::string_view name;
    double faults::* share;
    double most;    ///< a swarm has it so often at most
    bool breaking;  ///< ends a conversation
};
/// Every fault there is; the breaking ones last.
const std::array<fault_kind, fault_count>& fault_kinds() noexcept;

/// Its place among them.
std::size_t place_of(double faults::* share) noexcept;

/// Of those that make a run fail, as few as still do: each is left out that is not needed.
faults fewest(faults failing, const std::function<bool(const faults&)>& still_fails);

/// "lost_packet,reset".
std::string names_of(const faults& which);
/// Without those that are not named.
faults only(faults which, std::string_view names);

}  // namespace aperto::sim
