// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace aperto::io {

/// What the name of a Unix socket begins with where it stands in the place of a host.
inline constexpr std::string_view unix_scheme = "unix:";
inline bool names_unix_socket(std::string_view host) noexcept { return host.starts_with(unix_scheme); }

/// What is no name to look up: a numeric address, or a Unix socket. Throws `error` for a Unix socket that can be none.
std::optional<endpoint> as_address(const host_port& where);

/// The two halves of "host:port" as they stand in the text; nothing is checked but the shape.
struct split_host {
    std::string_view host;
    std::optional<std::string_view> port;  ///< what follows the colon, possibly empty; none without a colon
    bool bracketed = false;                ///< "[host]" or "[host]:port"
    const char* wrong = nullptr;           ///< what is wrong with the shape, null where nothing is
};

/// Splits "host", "host:port", "[host]", "[host]:port". Two colons outside brackets are an IPv6 address
/// alone.
split_host split_host_port(std::string_view text) noexcept;

/// 0 to 65535 in one to five decimal digits and nothing else.
std::optional<std::uint16_t> parse_port(std::string_view text) noexcept;

/// Whether it is a link-local address (fe80::/10) without its zone: the same on every link, so that it alone
/// does not say where to go (RFC 4007, 6).
bool lacks_zone(const endpoint& address);

}  // namespace aperto::io
