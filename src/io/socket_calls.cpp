// SPDX-License-Identifier: MIT
#include "io/socket_calls.hpp"

#include "aperto/descriptor.hpp"
#include "aperto/error.hpp"
#include "core/log_safe.hpp"
#include "io/bound_path.hpp"
#include "io/host_text.hpp"

#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <new>
#include <optional>
#include <utility>

namespace aperto::io {
namespace {

/// Keepalive probes that go unanswered before the connection is given up, where TCP_USER_TIMEOUT does not
/// say.
constexpr int keepalive_probes = 4;

bool set(int descriptor, int level, int name, int value) noexcept {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

int whole_seconds(duration time) noexcept {
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
    return static_cast<int>(std::clamp<decltype(seconds)>(seconds, 1, 32'767));  // MAX_TCP_KEEPIDLE
}

/// What an accepted connection inherits from its listener, tcp(7). None of it is worth failing for.
template <class Options>
void set_connection_options(int descriptor, const Options& options) noexcept {
    const duration keepalive = options.keepalive;
    const duration user_timeout = options.user_timeout;
    constexpr std::uint32_t unsent_most = std::numeric_limits<int>::max();
    if (options.unsent_max > 0)
        set(descriptor, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
            static_cast<int>(std::min(options.unsent_max, unsent_most)));
    // Urgent bytes stay in the stream, whose order is promised: aside, the next one would replace them (RFC
    // 6093, 3.2).
    set(descriptor, SOL_SOCKET, SO_OOBINLINE, 1);
    if (options.no_delay) set(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (keepalive > duration::zero() && keepalive != forever) {
        set(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1);
        set(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, whole_seconds(keepalive));
        set(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, whole_seconds(keepalive / keepalive_probes));
        set(descriptor, IPPROTO_TCP, TCP_KEEPCNT, keepalive_probes);
    }
    if (user_timeout > duration::zero() && user_timeout != forever) {
        const auto milliseconds = std::chrono::ceil<std::chrono::milliseconds>(user_timeout).count();
        set(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT,
            static_cast<int>(std::min<decltype(milliseconds)>(milliseconds, 0x7fffffff)));
    }
}

std::string_view remedy(int code) noexcept {
    switch (code) {
    case EADDRINUSE:
        return "Another program listens on that port. Stop it, or choose another port.";
    case EACCES:
        return "Ports below 1024 are for privileged programs. Choose a higher one.";
    case EADDRNOTAVAIL:
        return "This machine does not have that address.";
    case EMFILE:
        return "This program has as many files open as it may (ulimit -n).";
    default:
        return {};
    }
}

std::string_view remedy_of_unix(int code) noexcept {
    switch (code) {
    case EADDRINUSE:
        return "Another program listens there, or there is a file of that name. Choose another name.";
    case EACCES:
        return "You may not make files in that folder.";
    case ENOENT:
        return "There is no such folder.";
    case EPERM:
        return "A file is given only to a group that its owner is in.";
    default:
        return remedy(code);
    }
}

constexpr gid_t own_group = static_cast<gid_t>(-1);

gid_t group_of(const std::string& name) {
    if (name.empty()) return own_group;
    std::array<char, 16 * 1024> room{};
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(name.c_str(), &entry, room.data(), room.size(), &found) != 0 || !found)
        throw error(errc::malformed, "find the group", log_safe(name), "Is its name spelt right?");
    return found->gr_gid;
}

/// Of a bound Unix socket that does not listen yet, so that nobody was let in before. 0 or a negative errno, and its file
/// is gone then.
int set_owner(const endpoint& where, const listen_options& options, gid_t group) noexcept {
    const std::string path = where.address().substr(unix_scheme.size());
    if (path.starts_with('@')) return 0;
    const bool is_set = (options.unix_mode == 0 || ::chmod(path.c_str(), options.unix_mode) == 0) &&
                        (group == own_group || ::chown(path.c_str(), static_cast<uid_t>(-1), group) == 0);
    if (is_set) return 0;
    const int refused = -errno;
    ::unlink(path.c_str());
    return refused;
}

/// A listening socket, or a negative errno.
int try_to_listen(const endpoint& where, const listen_options& options, gid_t group) noexcept {
    descriptor socket(::socket(where.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket.get() < 0) return -errno;
    const bool is_unix = where.family() == AF_UNIX;
    std::optional<folder_lock> alone;
    if (is_unix) {
        alone.emplace(where);
        bound_path::remove_left_over(where);
    }
    if (!is_unix && !set(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1)) return -errno;
    const auto let_others_join = [&] { return is_unix || set(socket.get(), SOL_SOCKET, SO_REUSEPORT, 1); };
    if (options.sharing == port_sharing::join && !let_others_join()) return -errno;
    if (where.family() == AF_INET6 &&
        !set(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, options.dual_stack ? 0 : 1))
        return -errno;
    if (options.save_syn && !is_unix) set(socket.get(), IPPROTO_TCP, TCP_SAVE_SYN, 1);
    set_connection_options(socket.get(), options);
    sockaddr_storage address{};
    const socklen_t length = where.to_sockaddr(address);
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), length) < 0) return -errno;
    // Bound without the option, so that a port somebody has is refused, even if that somebody would share it.
    if (options.sharing == port_sharing::first && !let_others_join()) return -errno;
    if (const int refused = is_unix ? set_owner(where, options, group) : 0; refused < 0) return refused;
    if (::listen(socket.get(), options.backlog) < 0) return -errno;
    return socket.release();
}

}  // namespace

int open_listener(const endpoint& where, const listen_options& options) {
    const gid_t group = where.family() == AF_UNIX ? group_of(options.unix_group) : own_group;
    int result = try_to_listen(where, options, group);
    // A machine without IPv6 has no [::]; "every address" is then every IPv4 address.
    const bool ipv6_is_missing = result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL;
    if (ipv6_is_missing && options.dual_stack && where.family() == AF_INET6 && where.is_any())
        result = try_to_listen(endpoint::any(where.port(), false), options, group);
    if (result < 0) {
        const bool is_unix = where.family() == AF_UNIX;
        throw error::from_result(result, "listen on", where.to_string(),
                                 is_unix ? remedy_of_unix(-result) : remedy(-result));
    }
    return result;
}

void renew_listener(int socket, const listen_options& options) noexcept {
    // What `set_connection_options` only ever turns on.
    set(socket, SOL_SOCKET, SO_KEEPALIVE, 0);
    set(socket, IPPROTO_TCP, TCP_USER_TIMEOUT, 0);
    set(socket, IPPROTO_TCP, TCP_NODELAY, 0);
    set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, 0);
    set(socket, IPPROTO_TCP, TCP_SAVE_SYN, options.save_syn ? 1 : 0);
    set_connection_options(socket, options);
    ::listen(socket, options.backlog);
}

void adopt_socket(int socket, bool listening) {
    const auto ask = [socket](int name) {
        int value = 0;
        socklen_t length = sizeof value;
        if (::getsockopt(socket, SOL_SOCKET, name, &value, &length) < 0)
            throw error::from_result(-errno, "take over a socket");
        return value;
    };
    if (ask(SO_TYPE) != SOCK_STREAM)
        throw error(std::make_error_code(std::errc::wrong_protocol_type),
                    "take over a socket that is no stream");
    if ((ask(SO_ACCEPTCONN) != 0) != listening)
        throw error(
            std::make_error_code(std::errc::invalid_argument),
            listening ? "take over a socket that does not listen" : "take over a socket that listens");
    sockaddr_storage peer{};
    socklen_t length = sizeof peer;
    if (!listening && ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) < 0)
        throw error::from_result(-errno, "take over a socket");
    const int flags = ::fcntl(socket, F_GETFL);
    if (flags < 0 || ::fcntl(socket, F_SETFL, flags | O_NONBLOCK) < 0 ||
        ::fcntl(socket, F_SETFD, FD_CLOEXEC) < 0)
        throw error::from_result(-errno, "take over a socket");
}

int open_client(const endpoint& to, const connect_options& options) noexcept {
    const int descriptor = ::socket(to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return -errno;
    set_connection_options(descriptor, options);
    return descriptor;
}

bool concerns_one_client(int code) noexcept {
    switch (code) {
    case EINTR:
    case ECONNABORTED:
    case EPERM:
    case EPROTO:
    case ENOPROTOOPT:
    case ENETDOWN:
    case ENETUNREACH:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ENONET:
        return true;
    default:
        return false;
    }
}

namespace {

/// None where it has no name, as the sockets of most clients.
endpoint unix_socket_of(const sockaddr_storage& address) noexcept try {
    const auto& named = reinterpret_cast<const sockaddr_un&>(address);
    std::string name(named.sun_path, sizeof named.sun_path);
    if (name.front() == '\0') name.front() = '@';
    name.resize(std::min(name.find('\0'), name.size()));
    return endpoint::unix_socket(name).value_or(endpoint());
} catch (const std::bad_alloc&) {
    return {};
}

}  // namespace

endpoint local_of(int descriptor) noexcept {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
    if (address.ss_family == AF_UNIX) return unix_socket_of(address);
    return endpoint::from_sockaddr(address);
}

endpoint remote_of(int descriptor) noexcept {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&address), &length) < 0) return {};
    return endpoint::from_sockaddr(address);
}

void reset_on_close(int descriptor) noexcept {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

std::string kernel_release() {
    utsname names{};
    return ::uname(&names) == 0 ? names.release : "unknown";
}

bool is_scarcity(const std::error_code& code) noexcept {
    return code == std::errc::too_many_files_open || code == std::errc::too_many_files_open_in_system ||
           code == std::errc::no_buffer_space || code == std::errc::not_enough_memory;
}

}  // namespace aperto::io
