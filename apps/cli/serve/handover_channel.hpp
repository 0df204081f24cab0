// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/descriptor.hpp"
#include "aperto/time.hpp"

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>

namespace aperto::cli {

/// What the server that runs and the one that is to follow it say to each other: a word a packet, and with some of them a
/// socket (SOCK_SEQPACKET, SCM_RIGHTS; unix(7)). One thread's.
///
/// | new to old | old to new | |
/// | --- | --- | --- |
/// | take | | it starts, and asks for the sockets; the number behind it is the conversation's version |
/// | | door, service, admin | one socket each: of the handover itself, of clients, of who watches |
/// | | watchdog | how often the service manager wants to hear of it, in microseconds; not where it does not |
/// | | end | that was all; the process that hands over |
/// | ready, or failed | | everything is open, and nobody is served yet |
/// | | yours | from now on the new one serves, beside the old one |
/// | serving | | it does: the old one leaves |
/// | | no | in place of any other: nothing is handed over |
class handover_channel {
public:
    struct packet {
        std::string word;
        descriptor socket;
    };

    /// `over`: a descriptor that, once readable, ends each wait; it stays the caller's. -1: none.
    explicit handover_channel(descriptor socket, int over = -1) noexcept
        : socket_(std::move(socket)), over_(over) {}

    /// False where the other side is gone, or `over` came. Throws `error`, also where the other side takes nothing for long.
    bool send(std::string_view word, int socket = -1) const;
    /// None where the other side is gone, or `over` came. Throws `error`: `errc::deadline` after `limit`.
    std::optional<packet> receive(duration limit) const;
    /// Whether `over` came.
    bool is_over() const noexcept;
    /// Whether the other side runs as this process's user, or as root.
    bool is_ours() const noexcept;
    /// Of who connected; of who listens it is the one that did so first.
    pid_t process() const noexcept;

private:
    bool wait(short events, duration limit) const;
    descriptor socket_;
    int over_;
};

/// How long either side waits for a word that takes the other one no work.
inline constexpr duration handover_patience = std::chrono::seconds(10);

}  // namespace aperto::cli
