// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/message_record.hpp"
#include "aperto/proxy_facts.hpp"
#include "aperto/tcp_facts.hpp"
#include "aperto/time.hpp"
#include "aperto/transport.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace aperto {

class connection;

/// A connection as events and handlers see it. Good for the call that it is given to; its loop's thread.
class connection_view {
public:
    /// Made by the server.
    connection_view(std::uint64_t id, const connection& of) noexcept : id_(id), of_(&of) {}
    /// Unique in this process.
    std::uint64_t id() const noexcept { return id_; }
    /// The client's address.
    endpoint remote() const;
    /// This side's address.
    endpoint local() const;
    /// What the kernel knows of it now. Throws `error` where the connection is closed on this side.
    tcp_facts facts() const;
    /// What a trusted proxy told of the client (`options::proxy_from`); null where there is none.
    const proxy_facts* proxied() const noexcept;
    /// What its transport knows; none where it has none, or its handshake is not over.
    std::optional<transport_facts> transport() const;
    /// Bytes taken from the kernel; with a transport, what was sealed in them.
    std::uint64_t bytes_received() const noexcept;
    /// Bytes that the kernel has taken; with a transport, what was sealed in them.
    std::uint64_t bytes_sent() const noexcept;
    /// True the first time that it is asked of this connection: for who tells of one only once there is something to tell.
    bool note() const noexcept;

private:
    std::uint64_t id_;
    const connection* of_;
};

/// How a conversation ended.
enum class close_reason : std::uint8_t {
    client,     ///< the client ended it
    server,     ///< the handler ended it
    reset,      ///< the client reset it
    lost,       ///< its machine or the network between was gone: the kernel gave the connection up
    deadline,   ///< a deadline of ours passed: idle, message or write
    too_large,  ///< a message over the limit
    malformed,  ///< not of the protocol (frame::state::malformed)
    cut_short,  ///< the client ended in the middle of a message
    limit,      ///< refused by a limit before it began
    drain,      ///< the server was stopping
    failure,    ///< the handler threw, or the system failed
};
/// "client", "too_large": the name.
std::string_view to_string(close_reason reason) noexcept;

/// How a conversation ended, and why.
struct closing {
    close_reason reason = close_reason::client;  ///< who or what ended it
    std::error_code error{};                     ///< what broke it, if something did
    std::string_view tried{};   ///< "receive" or "send": which of the two `error` ended; empty for neither
    std::string_view thrown{};  ///< what the handler threw says of itself, in English
    duration lifetime{};        ///< since it was accepted
};

/// What happens in a server, as it happens. Derive, override what you want, name it in `options::events`.
/// Each member is called on a worker's thread, in the middle of serving: it must be quick, must not block and
/// must not throw.
class server_events {
public:
    virtual ~server_events() = default;
    /// The server listens there, with the actual port. Once for each address.
    virtual void listening(const endpoint& /*where*/) {}
    /// The first event of a connection: it is served from now on.
    virtual void accepted(const connection_view& /*who*/) {}
    /// `message` is the payload, as the handler gets it, before the handler does; `offset` is where it stands
    /// in what the client sent, in bytes. Handlers that own the conversation read it themselves: there are no
    /// such events.
    virtual void message(const connection_view& /*who*/, std::string_view /*message*/,
                         std::uint64_t /*offset*/) {}
    /// The answer to a message, before it is sent.
    virtual void replied(const connection_view& /*who*/, std::string_view /*reply*/) {}
    /// Whether `answered` is wanted. Asked once, as a worker starts; it costs each turn with answers a look at the clock.
    virtual bool times_answers() const noexcept { return false; }
    /// So many messages were answered, in so long: from the turn of the worker's loop that found them whole to the one
    /// that has offered the answers to the kernel. Once a turn, for all messages that were answered in it; for a handler
    /// that is a coroutine, once a message. None for messages without an answer.
    virtual void answered(duration /*took*/, std::size_t /*messages*/) {}
    /// Where the time of a message went that was picked (`options::trace_messages`): once its answer was acknowledged, or its
    /// connection ended before.
    virtual void timed(const message_record& /*what*/) {}
    /// The last event of a connection, after its last byte; `facts` can still be had unless it was reset from
    /// here.
    virtual void closed(const connection_view& /*who*/, const closing& /*how*/) {}
    /// A limit struck: its name, as `to_string(limit)` gives it (aperto/limits.hpp). `whom`: the client,
    /// where one is concerned. Who is refused before being served has no other event.
    virtual void limit(std::string_view /*name*/, const endpoint& /*whom*/, const std::error_code& /*why*/) {}
    /// The orderly end has begun.
    virtual void stopping() {}
};

}  // namespace aperto
