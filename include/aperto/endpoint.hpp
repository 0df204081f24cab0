// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/cxx20.hpp"

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace aperto {

/// One end of a connection: an IPv4 or IPv6 address with a port, or the name of a Unix socket (unix(7)). A value
/// of 24 bytes; each name is kept once, as long as the process lives.
class endpoint {
public:
    /// No address.
    endpoint() noexcept = default;

    /// A numeric address: "192.0.2.7:9999", "[::1]:9999", "[fe80::1%eth0]:9999", ":9999" (every address,
    /// dual-stack), "unix:/run/chat.sock", "unix:@chat" (a name of Linux's, not in the file system). Throws
    /// `error` (`errc::malformed`) that says what is wrong. Names of hosts are `host_port` (below) and `resolve`.
    static endpoint parse(std::string_view text);
    /// A numeric address alone, and a port. Empty where `address` is not numeric.
    static std::optional<endpoint> from_address(std::string_view address, std::uint16_t port);
    /// The Unix socket of that name, a path or "@" and a name of Linux's, 1 to 107 bytes without a NUL. Empty where
    /// it can be none.
    static std::optional<endpoint> unix_socket(std::string_view name);
    /// Every address of this machine: `[::]`, which takes IPv4 too, or `0.0.0.0`.
    static endpoint any(std::uint16_t port, bool ipv6 = true) noexcept;
    /// From the kernel's form; no address for a family other than IPv4 and IPv6.
    static endpoint from_sockaddr(const sockaddr_storage& address) noexcept;

    /// AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC for none.
    int family() const noexcept { return family_; }
    /// 0 to 65,535, in host byte order.
    std::uint16_t port() const noexcept { return port_; }
    /// The same address, another port.
    void set_port(std::uint16_t port) noexcept { port_ = port; }
    /// Whether there is an address.
    explicit operator bool() const noexcept { return family_ != 0; }
    /// 127.0.0.0/8 or ::1: this machine alone.
    bool is_loopback() const noexcept;
    /// 0.0.0.0 or `[::]`: every address of this machine.
    bool is_any() const noexcept;

    /// Of an IP address: in 16 bytes; IPv4 as `::ffff:a.b.c.d` (RFC 4291, 2.5.5.2), so that both families compare.
    const std::array<std::uint8_t, 16>& bytes() const noexcept { return bytes_; }

    /// "192.0.2.7", "::1", "unix:/run/chat.sock"; an IPv4-mapped address reads as IPv4 (RFC 5952).
    std::string address() const;
    /// "192.0.2.7:9999", "[::1]:9999", "unix:/run/chat.sock".
    std::string to_string() const;

    /// Writes the kernel's form, returns its length.
    socklen_t to_sockaddr(sockaddr_storage& address) const noexcept;

    bool operator==(const endpoint&) const = default;

private:
    /// AF_UNIX alone.
    const std::string& unix_name() const noexcept;
    std::array<std::uint8_t, 16> bytes_{};
    std::uint32_t scope_ = 0;
    std::uint16_t port_ = 0;
    std::uint8_t family_ = 0;
};

/// A host, by name or address, and a port, or a Unix socket, as people type them.
struct host_port {
    // No aggregate: GCC 12 destroys the members of a temporary aggregate twice in a co_await expression.
    host_port() = default;
    /// Takes them as they are; nothing is resolved.
    host_port(std::string of_host, std::uint16_t of_port) : host(std::move(of_host)), port(of_port) {}

    std::string host;        ///< a name, or an address without brackets
    std::uint16_t port = 0;  ///< 0 to 65,535

    /// "localhost:9999", "192.0.2.7:80", "[::1]:9999", "sala-3" (then `default_port`), "::1" (an address
    /// alone), "unix:/run/chat.sock" (`host` is all of it, the port 0). Throws `error` (`errc::malformed`).
    static host_port parse(std::string_view text, std::optional<std::uint16_t> default_port = {});
    /// "sala-3:9999"; an IPv6 address stands in brackets.
    std::string to_string() const;
};

/// One server of a service, as the domain's name service has it (RFC 2782).
struct service_record {
    host_port where;             ///< its name and port
    std::uint16_t priority = 0;  ///< those of a lower one are tried before those of a higher
    std::uint16_t weight = 0;    ///< of those of one priority, how often this one is tried first
};

}  // namespace aperto
