// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/loop.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <span>
#include <system_error>

namespace aperto::io {

/// The socket system calls that both kernel backends make alike. Every descriptor they give is non-blocking
/// and close-on-exec; whoever gets it closes it.

/// A bound, listening TCP socket. Throws `error` that names the address and, where it is known, the remedy: a
/// port in use, a privileged port. The options that connections inherit (TCP_NODELAY, keepalive,
/// TCP_USER_TIMEOUT, TCP_NOTSENT_LOWAT) are set on it, so that an accepted connection costs no call.
int open_listener(const endpoint& where, const listen_options& options);

/// Gives a socket that another process opened, and that listens, the options of this one. None of it is worth failing for.
void renew_listener(int socket, const listen_options& options) noexcept;

/// A TCP socket for a connection to `to`, not yet connected. A negative errno where there is none.
int open_client(const endpoint& to, const connect_options& options) noexcept;

/// Makes a stream socket that somebody else opened non-blocking and close-on-exec. Throws `error` where it
/// does not listen, or is not connected, as is expected of it.
void adopt_socket(int socket, bool listening);

/// Whether this errno of accept(2) is about one client, gone before it was accepted, or its network: the next
/// one may be there.
bool concerns_one_client(int code) noexcept;

endpoint local_of(int descriptor) noexcept;
endpoint remote_of(int descriptor) noexcept;

/// send(2), or sendmsg(2) where there are several parts, without SIGPIPE. Bytes taken, or a negative errno.
/// Defined here, for the fast path.
inline ssize_t send_parts(int descriptor, std::span<iovec> parts, int flags) noexcept {
    ssize_t taken = 0;
    if (parts.size() == 1) {
        taken = ::send(descriptor, parts[0].iov_base, parts[0].iov_len, flags | MSG_NOSIGNAL);
    } else {
        msghdr header{};
        header.msg_iov = parts.data();
        header.msg_iovlen = parts.size();
        taken = ::sendmsg(descriptor, &header, flags | MSG_NOSIGNAL);
    }
    return taken < 0 ? -errno : taken;
}

/// Makes close(2) send RST (SO_LINGER of zero, socket(7)).
void reset_on_close(int descriptor) noexcept;

/// The host's `release`, as uname(2) gives it: "6.18.44".
std::string kernel_release();

/// Descriptors, or memory for one, are not to be had at present.
bool is_scarcity(const std::error_code& code) noexcept;

}  // namespace aperto::io
