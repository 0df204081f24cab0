// SPDX-License-Identifier: MIT
#include "cli/watch/open_source.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/error.hpp"
#include "cli/options/description.hpp"
#include "cli/options/quantity.hpp"
#include "cli/watch/admin_source.hpp"
#include "cli/watch/sock_diag.hpp"
#include "core/log_safe.hpp"
#include "core/sentence.hpp"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <vector>

namespace aperto::cli {

namespace {

std::optional<int> process_number(const std::string& target) {
    const auto number = parse_number(target, 1, std::numeric_limits<int>::max());
    return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

bool is_unix(const std::string& target) { return target.starts_with("unix:"); }

std::uint16_t parse_port(std::string_view text) {
    const auto number = parse_number(text, 1, std::numeric_limits<std::uint16_t>::max());
    return static_cast<std::uint16_t>(number.value_or(0));
}

host_port parse_place(const std::string& target) {
    try {
        const std::string_view port =
            std::string_view(target).substr(std::min<std::size_t>(target.size(), 1));
        const host_port where =
            target.starts_with(':') ? host_port("", parse_port(port)) : host_port::parse(target);
        if (where.port != 0 || is_unix(target)) return where;
    } catch (const error&) {  // NOLINT(bugprone-empty-catch): said below
    }
    throw usage_error(
        sentence(_("watch takes HOST:PORT, :PORT, the number of a process, unix:PATH, or all, not \"{}\""),
                 log_safe(target)));
}

/// What a host's name or address stands for; none, with the reason, where nobody knows it; none for no host at all.
std::vector<endpoint> addresses_of(const host_port& where, std::string& trouble) {
    if (where.host.empty()) return {};
    if (const auto path = is_unix(where.host) ? endpoint::unix_socket(where.host.substr(5)) : std::nullopt)
        return {*path};
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    const int failed = ::getaddrinfo(where.host.c_str(), nullptr, &hints, &found);
    if (failed != 0) {
        trouble = ::gai_strerror(failed);
        return {};
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
    std::vector<endpoint> addresses;
    for (const addrinfo* each = found; each; each = each->ai_next) {
        sockaddr_storage raw{};
        std::memcpy(&raw, each->ai_addr, each->ai_addrlen);
        addresses.push_back(endpoint::from_sockaddr(raw));
        addresses.back().set_port(where.port);
    }
    return addresses;
}

/// A socket can be bound to it.
bool is_of_this_machine(const endpoint& where) {
    endpoint any_port = where;
    any_port.set_port(0);
    const aperto::descriptor tried(::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_storage address{};
    const socklen_t size = any_port.to_sockaddr(address);
    return ::bind(tried.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
}

}  // namespace

void check_watch_target(const std::string& target) {
    if (target != "all" && !process_number(target)) parse_place(target);
}

std::unique_ptr<connection_source> open_source(const std::string& target) {
    if (target == "all") return std::make_unique<socket_source>(socket_choice{});
    if (const auto process = process_number(target))
        return std::make_unique<socket_source>(socket_choice{.process = process});
    const host_port where = parse_place(target);
    std::string trouble;
    const std::vector<endpoint> addresses = addresses_of(where, trouble);
    for (const endpoint& each : addresses)
        if (auto server = admin_source::find(each, target, trouble)) return server;
    const bool is_here =
        where.host.empty() || std::any_of(addresses.begin(), addresses.end(), is_of_this_machine);
    if (is_unix(target) || !is_here) throw watch_trouble(trouble);
    socket_choice sockets{.port = where.port};
    if (!addresses.empty() && !addresses.front().is_any()) sockets.address = addresses.front();
    return std::make_unique<socket_source>(sockets);
}

}  // namespace aperto::cli
