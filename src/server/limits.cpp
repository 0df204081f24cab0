// SPDX-License-Identifier: MIT
#include "aperto/limits.hpp"

namespace aperto {

std::string_view to_string(limit which) noexcept {
    switch (which) {
    case limit::deny:
        return "deny";
    case limit::max_connections:
        return "max-connections";
    case limit::max_connections_per_address:
        return "max-connections-per-address";
    case limit::accept_rate:
        return "accept-rate";
    case limit::proxy_from:
        return "proxy-from";
    case limit::descriptors:
        return "descriptors";
    case limit::accept_errors:
        return "accept-errors";
    case limit::max_message:
        return "max-message";
    case limit::handshake_deadline:
        return "handshake-deadline";
    case limit::idle_timeout:
        return "idle-timeout";
    case limit::message_deadline:
        return "message-deadline";
    case limit::write_deadline:
        return "write-deadline";
    case limit::memory_budget:
        return "memory-budget";
    case limit::drain_deadline:
        return "drain-deadline";
    }
    return "?";
}

}  // namespace aperto
