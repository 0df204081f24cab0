// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"
#include "aperto/loop.hpp"

#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>

namespace aperto::io {

/// The system calls that an engine makes on sockets: Linux's (`machine`), or a simulated machine's
/// (sim/sim_kernel.hpp), so that the engines that run are the ones that a seed proves.
///
/// A call that may fail gives a negative errno. No call blocks; none is given a descriptor that is not open.
/// One thread, but for `wake`.
class kernel {
public:
    virtual ~kernel() = default;

    /// As uname(2) gives it: "6.18.44".
    virtual std::string release() const = 0;

    /// A bound, listening socket (socket(2), bind(2), listen(2)). Throws `error` that names the address.
    virtual int listen(const endpoint& where, const listen_options& options) = 0;
    /// Makes a stream socket that was opened elsewhere ready for an engine. Throws `error` where it does not
    /// listen, or is not connected, as is expected of it.
    virtual void adopt(int socket, bool listening) = 0;
    /// A socket for a connection to `to`, not yet connected.
    virtual int open(const endpoint& to, const connect_options& options) noexcept = 0;
    /// connect(2): 0, or -EINPROGRESS and the outcome comes with the socket's writability.
    virtual int connect(int socket, const endpoint& to) noexcept = 0;
    /// SO_ERROR, socket(7).
    virtual int take_error(int socket) noexcept = 0;
    /// poll(2): false where nobody waits to be accepted, which accept4(2) takes ten times as long to find out:
    /// it makes a socket and a file first.
    virtual bool has_client(int listener) noexcept = 0;
    /// accept4(2): the client's descriptor, and in `who` its address.
    virtual int accept(int listener, endpoint& who) noexcept = 0;
    /// recv(2): bytes, 0 at the end of the stream.
    virtual ssize_t receive(int socket, char* into, std::size_t size) noexcept = 0;
    /// As `receive` of one byte, which stays (MSG_PEEK).
    virtual ssize_t look(int socket) noexcept = 0;
    /// sendmsg(2): bytes taken.
    virtual ssize_t send(int socket, std::span<iovec> parts) noexcept = 0;
    /// shutdown(2) of the sending direction.
    virtual int shut_send(int socket) noexcept = 0;
    /// From now on closing it resets the connection (SO_LINGER of zero, socket(7)).
    virtual void reset_on_close(int socket) noexcept = 0;
    virtual void close(int descriptor) noexcept = 0;

    /// None for -1, and where the kernel does not know.
    virtual endpoint local(int socket) const noexcept = 0;
    virtual endpoint remote(int socket) const noexcept = 0;
    virtual tcp_facts facts(int socket) const = 0;

    /// Another descriptor for the same open file (fcntl(2), F_DUPFD_CLOEXEC).
    virtual int duplicate(int descriptor) noexcept = 0;

    /// A descriptor that becomes readable when it is woken (eventfd(2)). Throws `error`.
    virtual int open_wake_up() = 0;
    /// Any thread.
    virtual void wake(int wake_up) noexcept = 0;
    /// It is readable no more, until it is woken again.
    virtual void calm(int wake_up) noexcept = 0;

    /// Linux's.
    static kernel& machine() noexcept;
};

/// Nothing is there to be received, no byte, no end of the stream and no failure.
bool nothing_came(kernel& calls, int socket) noexcept;

/// The next client of a listener; what concerns one client alone (accept(2): gone before it was accepted) is
/// passed over, so that nobody waits for the next one behind it. -EAGAIN: nobody is there; found out by asking
/// first, for an accept4(2) in vain costs ten times as much, except where it was `told` that somebody is.
int accept_client(kernel& calls, int listener, endpoint& who, bool told) noexcept;

}  // namespace aperto::io
