// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/stream.hpp"

#include <memory>
#include <utility>

namespace aperto {

namespace io {
class bound_path;
}

/// A socket that waits for clients (listen(2)). Movable; used on its loop's thread; destroying it closes it.
///
///     aperto::listener door(aperto::endpoint::any(9999));
///     aperto::stream peer = co_await door.accept();
class listener {
public:
    /// Binds and listens on the current loop. Port 0 takes any free one: `local().port()`. The name of a Unix
    /// socket is taken over from a process that is gone, and removed when the listener closes. Throws `error`:
    /// `std::errc::address_in_use`, `std::errc::permission_denied` (a privileged port), …
    explicit listener(const endpoint& where, const listen_options& options = {},
                      const stream_options& streams = {});
    /// The same on a loop that need not run yet. The options are shared by its connections.
    listener(loop& on, const endpoint& where, const listen_options& options,
             std::shared_ptr<const stream_options> streams);
    /// On a socket that listens already, of any family: inherited (systemd.socket(5)), or a Unix socket. It is
    /// the listener's from then on. Throws `error` where it does not listen; it then stays the caller's.
    static listener from_fd(int descriptor, const stream_options& streams = {});
    /// The same on a loop that need not run yet.
    static listener from_fd(loop& on, int descriptor, std::shared_ptr<const stream_options> streams);
    listener(listener&& other) noexcept;
    listener& operator=(listener&& other) noexcept;
    ~listener();

    class [[nodiscard]] accept_awaiter : public detail::operation_awaiter<accept_operation> {
    public:
        explicit accept_awaiter(listener& from) noexcept : operation_awaiter(*from.loop_), from_(from) {}
        bool await_ready() const noexcept { return false; }
        template <class Promise>
        bool await_suspend(std::coroutine_handle<Promise> awaiting) {
            return suspend(awaiting, [this] { return owner().start_accept(from_.socket_, *this); });
        }
        /// Throws `error`: out of descriptors (`std::errc::too_many_files_open`) or memory. Accepting may go
        /// on after it.
        stream await_resume();

    protected:
        /// The client as a socket; throws as `await_resume`.
        socket_id take_socket();

    private:
        listener& from_;
    };

    /// The next client. co_await it; one at a time.
    accept_awaiter accept() noexcept { return accept_awaiter(*this); }

    /// Takes a client that the kernel has completed, without waiting; false where there is none. For who is
    /// about to close it. No accept may be waiting.
    bool accept_queued(accept_operation& into) { return loop_->accept_queued(socket_, into); }

    /// Where it listens, with the actual port.
    endpoint local() const;
    /// The descriptor, for what this library does not offer; -1 in a simulation. The listener keeps it.
    int native_handle() const noexcept { return socket_ ? loop_->native_handle(socket_) : -1; }
    /// Its loop.
    loop& owner() const noexcept { return *loop_; }
    /// Stops listening; clients not yet accepted are reset by the kernel. No accept may be waiting.
    void close() noexcept;

private:
    listener(loop& on, socket_id socket, std::shared_ptr<const stream_options> streams) noexcept;
    loop* loop_;
    socket_id socket_;
    std::shared_ptr<const stream_options> streams_;
    std::unique_ptr<io::bound_path> path_;  ///< of a Unix socket that it has bound
};

}  // namespace aperto
