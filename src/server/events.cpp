// SPDX-License-Identifier: MIT
#include "aperto/events.hpp"

#include "net/connection.hpp"

namespace aperto {

endpoint connection_view::remote() const { return of_->remote(); }
endpoint connection_view::local() const { return of_->on().local(of_->socket()); }

tcp_facts connection_view::facts() const { return of_->facts(); }
const proxy_facts* connection_view::proxied() const noexcept { return of_->proxied.get(); }

std::optional<transport_facts> connection_view::transport() const { return of_->transport(); }

std::uint64_t connection_view::bytes_received() const noexcept { return of_->received(); }
std::uint64_t connection_view::bytes_sent() const noexcept { return of_->sent(); }
bool connection_view::note() const noexcept { return of_->note(); }

std::string_view to_string(close_reason reason) noexcept {
    switch (reason) {
    case close_reason::client:
        return "client";
    case close_reason::server:
        return "server";
    case close_reason::reset:
        return "reset";
    case close_reason::lost:
        return "lost";
    case close_reason::deadline:
        return "deadline";
    case close_reason::too_large:
        return "too_large";
    case close_reason::malformed:
        return "malformed";
    case close_reason::cut_short:
        return "cut_short";
    case close_reason::limit:
        return "limit";
    case close_reason::drain:
        return "drain";
    case close_reason::failure:
        return "failure";
    }
    return "?";
}

}  // namespace aperto
