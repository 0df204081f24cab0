// SPDX-License-Identifier: MIT
#include "aperto/endpoint.hpp"

#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "io/host_text.hpp"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <functional>
#include <mutex>
#include <set>

namespace aperto {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
/// As much of a text that cannot be understood as an error message shows.
constexpr std::size_t shown_max = 128;

constexpr std::string_view unix_name_wanted =
    "A Unix socket is written unix:/path or unix:@name, of at most 107 bytes.";

[[noreturn]] void refuse(std::string_view what, std::string_view text, std::string_view wrong) {
    throw error(errc::malformed, what, '"' + log_safe(text, shown_max) + '"', wrong);
}

/// inet_pton(3) wants a terminated string.
template <std::size_t Size>
bool copy_text(std::string_view text, std::array<char, Size>& out) noexcept {
    if (text.size() >= Size || text.find('\0') != std::string_view::npos) return false;
    std::copy(text.begin(), text.end(), out.begin());
    out[text.size()] = '\0';
    return true;
}

/// A zone is the name of a network interface or its number (RFC 4007, 11.2).
std::optional<std::uint32_t> parse_zone(std::string_view text) noexcept {
    std::array<char, IF_NAMESIZE> name;
    if (text.empty() || !copy_text(text, name)) return std::nullopt;
    if (const unsigned index = if_nametoindex(name.data())) return index;
    std::uint32_t number = 0;
    const auto [stopped, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || stopped != text.data() + text.size() || number == 0) return std::nullopt;
    return number;
}

/// Where a name is kept, as an endpoint holds it.
using kept_place = std::array<std::uint8_t, sizeof(std::uintptr_t)>;

/// Kept for good: an endpoint that names it may be anywhere. Null where it can be no name of a socket.
const std::string* kept_name(std::string_view name) {
    static std::mutex guard;
    static std::set<std::string, std::less<>> names;
    const bool fits = !name.empty() && name != "@" && name.size() < sizeof sockaddr_un::sun_path;
    if (!fits || name.find('\0') != std::string_view::npos) return nullptr;
    const std::lock_guard lock(guard);
    const auto known = names.find(name);
    return known != names.end() ? &*known : &*names.emplace(name).first;
}

bool is_host_byte(char byte) noexcept {
    // Bytes above ASCII may be a name in UTF-8 (RFC 5890); the rest of what is refused cannot stand in a name
    // and would upset what prints it.
    const auto value = static_cast<unsigned char>(byte);
    return value > ' ' && value != 0x7F &&
           std::string_view("[]/\\\"'<>@#?").find(byte) == std::string_view::npos;
}

}  // namespace

const std::string& endpoint::unix_name() const noexcept {
    kept_place where{};
    std::copy_n(bytes_.begin(), where.size(), where.begin());
    return *std::bit_cast<const std::string*>(where);
}

std::optional<endpoint> endpoint::unix_socket(std::string_view name) {
    const std::string* const kept = kept_name(name);
    if (!kept) return std::nullopt;
    endpoint result;
    result.family_ = AF_UNIX;
    const auto where = std::bit_cast<kept_place>(kept);
    std::copy(where.begin(), where.end(), result.bytes_.begin());
    return result;
}

std::optional<endpoint> endpoint::from_address(std::string_view address, std::uint16_t port) {
    endpoint result;
    result.port_ = port;
    std::array<char, INET6_ADDRSTRLEN> text;
    const std::size_t percent = address.find('%');
    if (!copy_text(address.substr(0, percent), text)) return std::nullopt;
    in_addr ipv4{};
    if (percent == std::string_view::npos && inet_pton(AF_INET, text.data(), &ipv4) == 1) {
        result.family_ = AF_INET;
        std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin());
        std::memcpy(result.bytes_.data() + mapped_prefix.size(), &ipv4, sizeof ipv4);
        return result;
    }
    if (inet_pton(AF_INET6, text.data(), result.bytes_.data()) != 1) return std::nullopt;
    const bool mapped = std::equal(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin());
    result.family_ = mapped ? AF_INET : AF_INET6;
    if (percent == std::string_view::npos) return result;
    const std::optional<std::uint32_t> zone = parse_zone(address.substr(percent + 1));
    if (mapped || !zone) return std::nullopt;
    result.scope_ = *zone;
    return result;
}

endpoint endpoint::parse(std::string_view text) {
    constexpr std::string_view reading = "understand the address";
    if (io::names_unix_socket(text)) {
        if (const auto named = unix_socket(text.substr(io::unix_scheme.size()))) return *named;
        refuse(reading, text, unix_name_wanted);
    }
    const io::split_host split = io::split_host_port(text);
    if (split.wrong) refuse(reading, text, split.wrong);
    if (!split.port) {
        const bool lacks_brackets = !split.bracketed && text.find(':') != std::string_view::npos;
        refuse(reading, text,
               lacks_brackets ? "An IPv6 address with a port is written [address]:port."
                              : "The port is missing: write address:port.");
    }
    const std::optional<std::uint16_t> port = io::parse_port(*split.port);
    if (!port) refuse(reading, text, "A port is a number from 0 to 65535.");
    if (split.host.empty() && !split.bracketed) return any(*port);
    const std::optional<endpoint> found = from_address(split.host, *port);
    if (!found) refuse(reading, text, "It is not a numeric IPv4 or IPv6 address of this machine's networks.");
    if (split.bracketed && split.host.find(':') == std::string_view::npos)
        refuse(reading, text, "Brackets are for IPv6 addresses alone.");
    return *found;
}

endpoint endpoint::any(std::uint16_t port, bool ipv6) noexcept {
    endpoint result;
    result.port_ = port;
    result.family_ = ipv6 ? AF_INET6 : AF_INET;
    if (!ipv6) std::copy(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin());
    return result;
}

endpoint endpoint::from_sockaddr(const sockaddr_storage& address) noexcept {
    endpoint result;
    if (address.ss_family == AF_INET) {
        sockaddr_in ipv4;
        std::memcpy(&ipv4, &address, sizeof ipv4);
        result = any(ntohs(ipv4.sin_port), false);
        std::memcpy(result.bytes_.data() + mapped_prefix.size(), &ipv4.sin_addr, sizeof ipv4.sin_addr);
    } else if (address.ss_family == AF_INET6) {
        sockaddr_in6 ipv6;
        std::memcpy(&ipv6, &address, sizeof ipv6);
        result = any(ntohs(ipv6.sin6_port));
        std::memcpy(result.bytes_.data(), &ipv6.sin6_addr, sizeof ipv6.sin6_addr);
        result.scope_ = ipv6.sin6_scope_id;
        // A dual-stack socket shows its IPv4 clients mapped; they are what they are.
        if (std::equal(mapped_prefix.begin(), mapped_prefix.end(), result.bytes_.begin())) {
            result.family_ = AF_INET;
            result.scope_ = 0;
        }
    }
    return result;
}

socklen_t endpoint::to_sockaddr(sockaddr_storage& address) const noexcept {
    std::memset(&address, 0, sizeof address);
    if (family_ == AF_INET) {
        sockaddr_in ipv4{};
        ipv4.sin_family = AF_INET;
        ipv4.sin_port = htons(port_);
        std::memcpy(&ipv4.sin_addr, bytes_.data() + mapped_prefix.size(), sizeof ipv4.sin_addr);
        std::memcpy(&address, &ipv4, sizeof ipv4);
        return sizeof ipv4;
    }
    if (family_ == AF_INET6) {
        sockaddr_in6 ipv6{};
        ipv6.sin6_family = AF_INET6;
        ipv6.sin6_port = htons(port_);
        ipv6.sin6_scope_id = scope_;
        std::memcpy(&ipv6.sin6_addr, bytes_.data(), sizeof ipv6.sin6_addr);
        std::memcpy(&address, &ipv6, sizeof ipv6);
        return sizeof ipv6;
    }
    if (family_ == AF_UNIX) {
        const std::string& name = unix_name();
        const bool is_path = name.front() != '@';
        sockaddr_un local{};
        local.sun_family = AF_UNIX;
        name.copy(local.sun_path, sizeof local.sun_path - 1);
        if (!is_path) local.sun_path[0] = '\0';
        std::memcpy(&address, &local, sizeof local);
        return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (is_path ? 1 : 0));
    }
    return sizeof address.ss_family;
}

bool endpoint::is_loopback() const noexcept {
    constexpr std::uint8_t loopback_net = 127;
    if (family_ == AF_INET) return bytes_[mapped_prefix.size()] == loopback_net;
    return family_ == AF_INET6 && bytes_.back() == 1 &&
           std::all_of(bytes_.begin(), bytes_.end() - 1, [](std::uint8_t byte) { return byte == 0; });
}

bool endpoint::is_any() const noexcept {
    return (family_ == AF_INET || family_ == AF_INET6) && *this == any(port_, family_ == AF_INET6);
}

std::string endpoint::address() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (family_ == AF_INET) {
        inet_ntop(AF_INET, bytes_.data() + mapped_prefix.size(), text.data(), text.size());
        return text.data();
    }
    if (family_ == AF_UNIX) return std::string(io::unix_scheme) + unix_name();
    if (family_ != AF_INET6) return {};
    inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
    std::string result = text.data();
    if (scope_ != 0) {
        std::array<char, IF_NAMESIZE> name{};
        result += '%';
        result += if_indextoname(scope_, name.data()) ? std::string(name.data()) : std::to_string(scope_);
    }
    return result;
}

std::string endpoint::to_string() const {
    if (family_ == AF_UNIX) return address();
    if (family_ == AF_INET6) return '[' + address() + "]:" + std::to_string(port_);
    return address() + ':' + std::to_string(port_);
}

host_port host_port::parse(std::string_view text, std::optional<std::uint16_t> default_port) {
    constexpr std::string_view reading = "understand the host and port";
    // A name has at most 253 bytes (RFC 1035, 2.3.4); a zone may follow an address.
    constexpr std::size_t host_size_max = 255;
    if (io::names_unix_socket(text)) {
        if (!endpoint::unix_socket(text.substr(io::unix_scheme.size())))
            refuse(reading, text, unix_name_wanted);
        return {std::string(text), 0};
    }
    const io::split_host split = io::split_host_port(text);
    if (split.wrong) refuse(reading, text, split.wrong);
    if (split.host.empty()) refuse(reading, text, "The host is missing: write host:port.");
    if (split.host.size() > host_size_max) refuse(reading, text, "A host name has at most 255 bytes.");
    if (!std::all_of(split.host.begin(), split.host.end(), is_host_byte))
        refuse(reading, text, "A host name has no spaces and no such signs.");
    const bool has_colon = split.host.find(':') != std::string_view::npos;
    if (has_colon && !endpoint::from_address(split.host, 0))
        refuse(reading, text, "Write host:port, or [address]:port for an IPv6 address.");
    if (split.bracketed && !has_colon) refuse(reading, text, "Brackets are for IPv6 addresses alone.");
    std::optional<std::uint16_t> port = default_port;
    if (split.port) {
        port = io::parse_port(*split.port);
        if (!port) refuse(reading, text, "A port is a number from 0 to 65535.");
    }
    if (!port) refuse(reading, text, "The port is missing: write host:port.");
    return {std::string(split.host), *port};
}

std::string host_port::to_string() const {
    if (io::names_unix_socket(host)) return host;
    if (host.find(':') != std::string::npos) return '[' + host + "]:" + std::to_string(port);
    return host + ':' + std::to_string(port);
}

}  // namespace aperto
