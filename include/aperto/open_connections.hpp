// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"
#include "aperto/transport.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace aperto {

/// What a server's connection is about.
enum class connection_state : std::uint8_t {
    opening,    ///< nothing to read has come yet; with a transport, its handshake may be in progress
    idle,       ///< between messages
    receiving,  ///< a message has begun to arrive
    answering,  ///< a handler that waits for something else has a message
    sending,    ///< the client has not taken all of its replies
    closing,    ///< it ends in order
};
/// How many states there are.
inline constexpr std::size_t connection_state_count = static_cast<std::size_t>(connection_state::closing) + 1;

/// "opening", "idle": the name.
std::string_view to_string(connection_state state) noexcept;

/// An open connection of a server, as its worker found it.
struct open_connection {
    std::uint64_t id = 0;                                ///< unique in this process, as events have it
    unsigned worker = 0;                                 ///< whose it is, from 0
    endpoint remote{};                                   ///< the client's address
    endpoint local{};                                    ///< this side's
    duration age{};                                      ///< since it was accepted
    duration without_progress{};                         ///< since a message was complete, or a reply taken
    connection_state state = connection_state::opening;  ///< what it is about
    std::uint64_t bytes_received = 0;                    ///< with a transport, of what was sealed
    std::uint64_t bytes_sent = 0;                        ///< likewise
    std::uint64_t messages = 0;                          ///< that were taken out of what came
    std::size_t memory = 0;                      ///< bytes in its buffers, as the memory budget counts
    std::optional<tcp_facts> facts{};            ///< the kernel's; none where it has none any more
    std::optional<transport_facts> transport{};  ///< once a handshake is over
};

/// How far a look through the open connections of a server has come.
struct connections_mark {
    /// With one worker.
    struct place {
        unsigned worker = 0;   ///< which
        std::uint64_t id = 0;  ///< the last of its connections that was told of
        bool more = true;      ///< it may have further ones
        bool passed_over =
            false;  ///< it did not answer in time, and is not asked again: what it has is not told
    };
    bool begun = false;            ///< the places are there
    std::vector<place> workers{};  ///< each worker that there was when the look began
};

/// What a worker of a server is busy with.
struct worker_load {
    unsigned worker = 0;       ///< from 0
    bool passed_over = false;  ///< it did not answer in time, and all figures below mean nothing
    std::array<std::size_t, connection_state_count> states{};  ///< connections, by `connection_state`
    std::size_t lent_buffers = 0;                              ///< of its loop, that hold what has arrived
    std::size_t timers = 0;                                    ///< of its loop, that are set
    std::size_t memory_used = 0;    ///< bytes, of its share of `options::memory_budget`
    std::size_t memory_budget = 0;  ///< that share
    /// How often a connection had used up its share of a turn, and others went first.
    std::uint64_t put_behind = 0;
};

}  // namespace aperto
