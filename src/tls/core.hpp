// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tls.hpp"
#include "tls/handles.hpp"
#include "tls/ticket_keys.hpp"

#include <array>
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace aperto::tls {

/// Sessions that a client may go on with, the last of each name.
class session_store {
public:
    void put(const std::string& name, session_handle one);
    /// One of TLS 1.3 is used once (RFC 8446, C.4).
    session_handle take(const std::string& name) noexcept;

private:
    static constexpr std::size_t names_max = 256;
    std::mutex mutex_;
    std::map<std::string, session_handle> by_name_;
};

/// What was read from the files once: a context of OpenSSL's for each certificate, the default one first. With the
/// sessions that may be gone on with, for these show no certificate again: who was let in by other files, be it in the
/// middle of a reload, must not come back by them.
struct loaded {
    std::vector<context_handle> contexts;
    std::chrono::system_clock::time_point expires = std::chrono::system_clock::time_point::max();
    std::shared_ptr<ticket_keys> tickets;     ///< of a server
    std::shared_ptr<session_store> sessions;  ///< of a client
};

/// What the connections of a `context` share; lives as long as the last of them.
class core {
public:
    explicit core(server_options chosen);
    explicit core(client_options chosen);

    void reload();
    std::shared_ptr<const loaded> files() const;
    bool is_server() const noexcept { return is_server_; }
    const server_options& of_server() const noexcept { return server_; }
    const client_options& of_client() const noexcept { return client_; }

    struct {
        std::atomic<std::uint64_t> handshakes{0};
        std::atomic<std::uint64_t> resumed{0};
        std::atomic<std::uint64_t> failed{0};
        std::array<std::atomic<std::uint64_t>, errc_count> failures{};
        std::array<std::atomic<std::uint64_t>, 2> versions{};
        std::atomic<std::uint64_t> reloads{0};
        std::atomic<std::uint64_t> failed_reloads{0};
    } count;
    void count_failure(const std::error_code& why) noexcept;

private:
    std::shared_ptr<loaded> load() const;

    const bool is_server_;
    const server_options server_;
    const client_options client_;
    mutable std::mutex mutex_;
    std::shared_ptr<const loaded> files_;
};

/// A context for a server's connections that show this pair. Throws `error`.
context_handle make_server_context(const server_options& chosen, const key_pair& shown);
/// A context for a client's connections.
context_handle make_client_context(const client_options& chosen);
/// When its certificate expires.
std::chrono::system_clock::time_point expiry_of(const context_handle& of);

}  // namespace aperto::tls
