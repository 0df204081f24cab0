// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

namespace aperto {

class backend;

/// What a connection on a transport has besides.
struct secured {
    explicit secured(std::unique_ptr<transport_session> opened) noexcept : session(std::move(opened)) {}

    std::unique_ptr<transport_session> session;
    /// Arrived, and waits until the handshakes of others have had their turns.
    std::string backlog;
    /// Made by the session for the peer while a send was in flight.
    std::string wire;
    /// Bytes as they were written that are sealed, and not yet taken by the kernel.
    std::size_t sealed = 0;
    bool has_arrived = false;  ///< something has
    bool has_failed = false;   ///< what arrives is of no use any more
    enum class ending : std::uint8_t { open, wanted, announced } end = ending::open;

    std::size_t memory() const noexcept { return session->memory() + backlog.capacity() + wire.capacity(); }
};

/// How many connections may go on with their handshakes in one turn of a loop: a signature takes as long as a
/// thousand small messages, and those who are through are not to wait for many of them.
class handshake_share {
public:
    static constexpr unsigned handshakes_a_turn = 8;
    /// Whether this turn has another.
    bool is_left(const backend& on) noexcept;
    void take() noexcept { ++taken_; }

private:
    const backend* owner_ = nullptr;
    std::uint64_t turn_ = 0;
    unsigned taken_ = 0;
};

}  // namespace aperto
