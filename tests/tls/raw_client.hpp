// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/endpoint.hpp"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

namespace aperto::tls {

/// OpenSSL alone on a blocking socket: the other side as it is in the world, and as an attacker makes it. What it
/// sends leaves in pieces of a size of the test's choice.
class raw_client {
public:
    explicit raw_client(const endpoint& to, int version = TLS1_3_VERSION, std::size_t piece = SIZE_MAX)
        : piece_(piece), context_(SSL_CTX_new(TLS_client_method())) {
        SSL_CTX_set_min_proto_version(context_, version);
        SSL_CTX_set_max_proto_version(context_, version);
        ssl_ = SSL_new(context_);
        SSL_set_bio(ssl_, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_connect_state(ssl_);
        descriptor_ = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
        const int on = 1;
        ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        const timeval patience{.tv_sec = 10, .tv_usec = 0};
        ::setsockopt(descriptor_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        sockaddr_storage address{};
        const socklen_t size = to.to_sockaddr(address);
        EXPECT_EQ(::connect(descriptor_, reinterpret_cast<sockaddr*>(&address), size), 0);
    }
    raw_client(const raw_client&) = delete;
    raw_client& operator=(const raw_client&) = delete;
    ~raw_client() {
        SSL_free(ssl_);
        SSL_CTX_free(context_);
        if (descriptor_ >= 0) ::close(descriptor_);
    }

    SSL* ssl() const noexcept { return ssl_; }
    bool handshake() {
        return drive([&] { return SSL_do_handshake(ssl_); }) == 1;
    }
    bool write(std::string_view plain) {
        return drive([&] { return SSL_write(ssl_, plain.data(), static_cast<int>(plain.size())); }) > 0;
    }
    /// One piece of what comes; empty at the end, whatever it is.
    std::string read() {
        std::array<char, 16 * 1024> plain{};
        const int got = drive([&] { return SSL_read(ssl_, plain.data(), static_cast<int>(plain.size())); });
        return {plain.data(), got > 0 ? static_cast<std::size_t>(got) : 0};
    }
    /// The peer's close_notify has come.
    bool was_told_the_end() const noexcept { return (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0; }
    /// What the SSL has written, without sending it.
    std::string take_out() {
        std::string all;
        std::array<char, 4096> some{};
        for (int got = 0;
             (got = BIO_read(SSL_get_wbio(ssl_), some.data(), static_cast<int>(some.size()))) > 0;)
            all.append(some.data(), static_cast<std::size_t>(got));
        return all;
    }
    bool send(std::string_view bytes) {
        while (!bytes.empty()) {
            const ssize_t sent =
                ::send(descriptor_, bytes.data(), std::min(piece_, bytes.size()), MSG_NOSIGNAL);
            if (sent < 0) return false;
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
        return true;
    }
    bool send_out() { return send(take_out()); }
    /// How the kernel's stream ends, after what comes until then: 0, or an errno.
    int end() {
        std::array<char, 4096> some{};
        ssize_t got = 1;
        while (got > 0)
            got = ::recv(descriptor_, some.data(), some.size(), 0);
        return got < 0 ? errno : 0;
    }
    /// Ends the kernel's stream, and says nothing of it in TLS.
    void cut() { ::shutdown(descriptor_, SHUT_WR); }

private:
    template <class Step>
    int drive(Step step) {
        for (;;) {
            const int result = step();
            if (!send_out()) return -1;
            if (result > 0 || SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) return result;
            std::array<char, 16 * 1024> some{};
            const ssize_t got = ::recv(descriptor_, some.data(), some.size(), 0);
            if (got <= 0) return -1;
            BIO_write(SSL_get_rbio(ssl_), some.data(), static_cast<int>(got));
        }
    }

    std::size_t piece_;
    SSL_CTX* context_;
    SSL* ssl_ = nullptr;
    int descriptor_ = -1;
};

}  // namespace aperto::tls
