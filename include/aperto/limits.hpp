// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace aperto {

/// The limits of a server, each by the name that the program's option for it has.
enum class limit : std::uint8_t {
    deny,                         ///< refused: by `options::deny`, or not in `options::allow`
    max_connections,              ///< accepting waits until a connection ends
    max_connections_per_address,  ///< refused
    accept_rate,                  ///< refused
    proxy_from,          ///< refused: a trusted proxy sent no header of its protocol, or a broken one
    descriptors,         ///< accepting pauses: the system has no descriptor, or no memory, for one more
    accept_errors,       ///< accepting pauses: the system refuses it for another reason
    max_message,         ///< ended: a message over the limit
    handshake_deadline,  ///< ended: it connected and said nothing
    idle_timeout,        ///< ended: silent between messages
    message_deadline,    ///< ended: a message that does not end
    write_deadline,      ///< ended: it does not read
    memory_budget,       ///< ended: for the memory that it held while it made no progress
    drain_deadline,      ///< ended: still there when the time to stop was over
};
/// How many limits there are.
inline constexpr std::size_t limit_count = static_cast<std::size_t>(limit::drain_deadline) + 1;

/// "max-connections": as the program's option is called, without its dashes.
std::string_view to_string(limit which) noexcept;

/// What a server has counted since it was made. Exact, however much of it the log leaves out.
struct server_counters {
    std::uint64_t accepted = 0;                        ///< served, refused ones not included
    std::uint64_t closed = 0;                          ///< of those
    std::array<std::uint64_t, limit_count> strikes{};  ///< by `limit`

    /// How often a limit struck.
    std::uint64_t of(limit which) const noexcept { return strikes[static_cast<std::size_t>(which)]; }
};

}  // namespace aperto
