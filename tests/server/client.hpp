// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <string_view>
#include <utility>

namespace aperto {

/// A client of nothing but system calls, blocking: what the server under test meets in the world.
class plain_client {
public:
    /// `from`: an address of this machine to come from; empty: the system's choice.
    /// `room`: bytes of its receive buffer; 0: the system's choice.
    explicit plain_client(const endpoint& to, std::string_view from = {}, int room = 0) {
        endpoint where = to;
        if (to.is_any()) where = *endpoint::from_address("127.0.0.1", to.port());
        descriptor_ = ::socket(where.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (room > 0) ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
        sockaddr_storage address{};
        socklen_t length = 0;
        if (!from.empty()) {
            length = endpoint::from_address(from, 0)->to_sockaddr(address);
            EXPECT_EQ(::bind(descriptor_, reinterpret_cast<const sockaddr*>(&address), length), 0);
        }
        length = where.to_sockaddr(address);
        connected_ = ::connect(descriptor_, reinterpret_cast<const sockaddr*>(&address), length) == 0;
    }
    plain_client(plain_client&& other) noexcept
        : descriptor_(std::exchange(other.descriptor_, -1)), connected_(other.connected_) {}
    plain_client& operator=(plain_client&&) = delete;
    ~plain_client() { close(); }

    bool connected() const noexcept { return connected_; }

    plain_client& send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
            if (sent < 0 && errno == EINTR) continue;
            if (sent < 0) {
                reset_ = true;  // told here, a reset is not told by the next receive
                break;
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return *this;
    }
    /// As much of it as the kernels on the way take, without waiting.
    plain_client& send_what_fits(std::string_view bytes) {
        static_cast<void>(::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT));
        return *this;
    }
    plain_client& half_close() {
        ::shutdown(descriptor_, SHUT_WR);
        return *this;
    }
    /// `size` bytes, or as many as come before the end.
    std::string receive(std::size_t size) {
        std::string bytes(size, '\0');
        std::size_t have = 0;
        while (have < size) {
            // Not MSG_WAITALL: a signal ends it short, and so does work that an io_uring of this thread left
            // behind.
            const ssize_t got = ::recv(descriptor_, bytes.data() + have, size - have, 0);
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) break;
            have += static_cast<std::size_t>(got);
        }
        bytes.resize(have);
        return bytes;
    }
    /// Everything to the end of the stream; `reset` says whether that was a reset.
    std::string receive_all() {
        std::string bytes;
        char chunk[65'536];
        for (;;) {
            const ssize_t got = ::recv(descriptor_, chunk, sizeof chunk, 0);
            if (got <= 0) {
                reset_ = reset_ || got < 0;
                return bytes;
            }
            bytes.append(chunk, static_cast<std::size_t>(got));
        }
    }
    /// Makes a receive end without its bytes after so long.
    void wait_at_most(timeval patience) {
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    bool was_reset() const noexcept { return reset_; }
    void reset() {
        const linger at_once{.l_onoff = 1, .l_linger = 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close();
    }
    void close() {
        if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
    }

private:
    int descriptor_ = -1;
    bool connected_ = false;
    bool reset_ = false;
};

}  // namespace aperto
