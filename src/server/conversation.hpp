// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/server.hpp"
#include "net/connection.hpp"

#include <cstdint>
#include <exception>
#include <optional>
#include <system_error>

namespace aperto {

class worker;

/// One client, from accept to the last byte, as its worker sees it: in the worker's list, counted, and told
/// of when it ends.
class conversation : public list_hook {
public:
    /// The server is stopping: the next time this conversation would wait for a message, it is over.
    void end_when_idle() noexcept { peer_.end_when_idle(); }

    /// How much there is to gain by ending it: the bytes it holds, by how long it has made no progress. 0
    /// where there is nothing.
    double weight() const noexcept;
    /// Ends it for the memory it holds; gives how many bytes that will free.
    std::size_t shed() noexcept;
    /// For who looks on.
    open_connection tell() const;

protected:
    enum class handling : std::uint8_t { messages, session };

    /// `place`: where the client came (place_to_open).
    conversation(worker& at, connection& peer, handling how, unsigned place);
    ~conversation() = default;

    /// Enters the worker's list, and tells of the client.
    void begin() noexcept;
    /// To be called by the destructor: it has ended. Its hook leaves the list.
    void leave() noexcept;
    connection_view view() const noexcept { return {id_, peer_}; }
    /// Keeps by what it failed, and which limit that means, which has to be asked before what is left is read
    /// away.
    void fail(const std::error_code& why) noexcept;
    /// The same for what was thrown: to be called in a handler that catches.
    void fail() noexcept;
    /// The last event.
    void report_end() noexcept;

    worker& worker_;
    connection& peer_;

private:
    friend class worker;
    void fail(const std::error_code& why, close_reason reason) noexcept;
    std::optional<limit> limit_that_struck(const std::error_code& by) const noexcept;
    void tell_end(closing& how);

    std::uint64_t id_;
    time_point began_;
    std::exception_ptr thrown_;
    failure broken_by_;  ///< where nothing was thrown
    std::optional<close_reason> failed_;
    std::optional<limit> struck_;
    const handling handling_;
    const std::uint16_t place_;

protected:
    bool ended_by_us_ = false;
};

}  // namespace aperto
