// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/time.hpp"
#include "tls/handles.hpp"

#include <array>
#include <mutex>
#include <optional>

namespace aperto::tls {

/// The keys that seal a server's session tickets (RFC 5077, 4): a new one after each lifetime, the one before good
/// for one more.
class ticket_keys {
public:
    static constexpr std::size_t name_size = 16;
    explicit ticket_keys(duration lifetime) noexcept : lifetime_(lifetime) {}
    ~ticket_keys();
    ticket_keys(const ticket_keys&) = delete;
    ticket_keys& operator=(const ticket_keys&) = delete;

    /// As SSL_CTX_set_tlsext_ticket_key_evp_cb(3) wants it.
    /// `once`: a ticket is good for one session, and another is given.
    int prepare(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, bool seals,
                bool once);

private:
    struct key {
        std::array<unsigned char, name_size> name{};
        std::array<unsigned char, 32> cipher{};
        std::array<unsigned char, 32> mac{};
    };
    bool rotate(time_point now) noexcept;

    const duration lifetime_;
    std::mutex mutex_;
    std::optional<key> now_;
    std::optional<key> before_;
    time_point began_{};
};

}  // namespace aperto::tls
