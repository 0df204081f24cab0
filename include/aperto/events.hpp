// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <system_error>

namespace aperto {

/// A connection as events tell of it.
struct connection_view {
    std::uint64_t id = 0;  ///< unique in this process
    const class stream* peer = nullptr;
    endpoint remote() const;
    endpoint local() const;
    tcp_facts facts() const;
};

/// How a conversation ended.
enum class close_reason : std::uint8_t {
    client,     ///< the client ended it
    server,     ///< the handler ended it
    reset,      ///< the client reset it
    deadline,   ///< a deadline of ours passed: idle, message or write
    too_large,  ///< a message over the limit
    cut_short,  ///< the client ended in the middle of a message
    limit,      ///< refused by a limit before it began
    drain,      ///< the server was stopping
    failure,    ///< the handler threw, or the system failed
};
std::string_view to_string(close_reason reason) noexcept;

/// What happens in a server, as it happens. Derive, override what you want, name it in `options::events`.
/// Each member is called on a worker's thread, in the middle of serving: it must be quick, must not block and
/// must not throw.
class server_events {
public:
    virtual ~server_events() = default;
    virtual void listening(const endpoint& /*where*/) {}
    virtual void accepted(const connection_view& /*who*/) {}
    /// `message` is the payload, as the handler gets it; `offset` counts bytes from the stream's start.
    virtual void message(const connection_view& /*who*/, std::string_view /*message*/,
                         std::uint64_t /*offset*/) {}
    virtual void replied(const connection_view& /*who*/, std::string_view /*reply*/) {}
    /// The last event of a connection; its socket is still there for `facts`.
    virtual void closed(const connection_view& /*who*/, close_reason /*reason*/,
                        const std::error_code& /*error*/, std::string_view /*detail*/,
                        std::uint64_t /*bytes_in*/, std::uint64_t /*bytes_out*/, duration /*lifetime*/) {}
    /// A limit struck: accept is paused for want of descriptors, a client was turned away, …
    virtual void limit(std::string_view /*name*/, const endpoint& /*who*/, const std::error_code& /*why*/) {}
    virtual void stopping() {}
    /// A thread had nothing better to do: once a second at most.
    virtual void tick() {}
};

}  // namespace aperto
