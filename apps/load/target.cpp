// SPDX-License-Identifier: MIT
#include "load/target.hpp"

#include "aperto/error.hpp"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace aperto::load {
namespace {

// With so many, a port is used again after minutes even at 50,000 connections a second.
constexpr std::size_t sources_for_short_connections = 200;
// Fewer than the default range holds, so that other programs find ports too.
constexpr std::size_t connections_a_source = 20'000;

error lookup_error(int code, const std::string& name) {
    switch (code) {
    case EAI_SYSTEM:
        return error::from_result(-errno, "look up", name);
    case EAI_AGAIN:
        return {errc::name_try_again, "look up", name};
    default:
        return {errc::name_not_found, "look up", name, "Is the name spelled correctly?"};
    }
}

std::string describe(const addrinfo& address) {
    char host[NI_MAXHOST] = {};
    char port[NI_MAXSERV] = {};
    ::getnameinfo(address.ai_addr, address.ai_addrlen, host, sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV);
    const bool v6 = address.ai_family == AF_INET6;
    return (v6 ? "[" : "") + std::string(host) + (v6 ? "]:" : ":") + port;
}

bool is_loopback_v4(const sockaddr_storage& address) noexcept {
    if (address.ss_family != AF_INET) return false;
    sockaddr_in v4{};
    std::memcpy(&v4, &address, sizeof v4);
    return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
}

bool switch_on(int descriptor, int level, int option) noexcept {
    const int on = 1;
    return ::setsockopt(descriptor, level, option, &on, sizeof on) == 0;
}

}  // namespace

target::target(const plan& what) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    const std::string port = std::to_string(what.port);
    const int code = ::getaddrinfo(what.host.c_str(), port.c_str(), &hints, &found);
    if (code != 0) throw lookup_error(code, what.host);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, ::freeaddrinfo);
    std::memcpy(&address_, found->ai_addr, found->ai_addrlen);
    address_size_ = found->ai_addrlen;
    name_ = describe(*found);

    if (is_loopback_v4(address_)) {
        const std::size_t kept = what.connections + what.idle_connections;
        sources_ =
            what.per_message_connection ? sources_for_short_connections : 1 + kept / connections_a_source;
    }
    // The only segment of a short connection waits for nothing: Nagle holds back a second one (RFC
    // 9293, 3.7.4).
    no_delay_ = !what.per_message_connection;
}

bool target::bind_source(int descriptor) noexcept {
    sockaddr_in from{};
    from.sin_family = AF_INET;
    // 127.0.1.1 and up, .1 to .250 in each block.
    const auto number = static_cast<std::uint32_t>(next_source_ % sources_);
    ++next_source_;
    from.sin_addr.s_addr = htonl((127U << 24 | 1U << 8) + ((number / 250) << 8) + 1 + number % 250);
    // The port is chosen by connect(2), which knows the other end: bind(2) alone would need one that is free
    // for all.
    if (!switch_on(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT)) return false;
    sockaddr_storage general{};
    std::memcpy(&general, &from, sizeof from);
    return ::bind(descriptor, reinterpret_cast<const sockaddr*>(&general), sizeof from) == 0;
}

target::attempt target::connect() noexcept {
    attempt result;
    result.descriptor = ::socket(address_.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (result.descriptor < 0) return {-1, errno, false};
    const bool ready = (!no_delay_ || switch_on(result.descriptor, IPPROTO_TCP, TCP_NODELAY)) &&
                       (sources_ == 1 || bind_source(result.descriptor));
    if (ready &&
        ::connect(result.descriptor, reinterpret_cast<const sockaddr*>(&address_), address_size_) == 0) {
        return result;
    }
    result.error = errno;
    if (ready && result.error == EINPROGRESS) return result;
    result.no_port_left = result.error == EADDRNOTAVAIL;
    ::close(result.descriptor);
    result.descriptor = -1;
    return result;
}

}  // namespace aperto::load
