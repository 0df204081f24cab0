// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/backend.hpp"
#include "aperto/limits.hpp"
#include "aperto/list.hpp"
#include "aperto/proxy_facts.hpp"

#include <memory>
#include <string>

namespace aperto {

class connection;
class worker;

/// The front of a client's stream that came with the header of its proxy, for the conversation to begin with.
struct first_bytes {
    receive_operation* received = nullptr;  ///< what came last; none where nothing came after the header
    std::size_t skip = 0;                   ///< bytes of it that are the header's
    std::unique_ptr<const proxy_facts> told;
    /// Once, before anything else is received there.
    void hand_to(connection& of) noexcept;
};

struct greeting_hook : list_hook {};

/// A connection from a trusted proxy, until its header is there. It owns itself: it ends in an arrival that its worker
/// admits by the address that the proxy tells, or in a refusal.
class proxy_greeting final : public greeting_hook, private receive_operation, private deadline {
public:
    /// Takes the socket over. Throws std::bad_alloc, and has then taken nothing.
    static void start(worker& at, socket_id client, const endpoint& proxy, unsigned place);
    ~proxy_greeting();
    /// Where it came (place_to_open).
    unsigned place() const noexcept { return place_; }

private:
    proxy_greeting(worker& at, socket_id client, const endpoint& proxy, unsigned place);
    static void on_bytes(operation& done);
    static void on_deadline(timer& passed);
    enum class step : std::uint8_t { receiving, over };
    void go_on(step next) noexcept;
    /// What was received last.
    step take_in();
    step take_in_bytes();
    step end(limit why);
    void admit(proxy_facts told, std::size_t skip);
    void drop_received() noexcept;

    worker& worker_;
    socket_id socket_;
    endpoint proxy_;
    const unsigned place_;
    std::string begun_;  ///< of a header that comes in pieces
    bool late_ = false;
};

}  // namespace aperto
