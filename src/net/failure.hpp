// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tls_error.hpp"

#include <cstdint>

namespace aperto {

/// How something failed on a connection, an errno, an errc or TLS's, in four bytes: there are many
/// connections, and nearly all of them idle.
class failure {
public:
    failure() noexcept = default;
    failure(errc ours) noexcept  // NOLINT(google-explicit-constructor): assigned as error codes are
        : value_(static_cast<std::int16_t>(ours)), whose_(whose::ours) {}
    failure(const std::error_code& code) noexcept  // NOLINT(google-explicit-constructor)
        : value_(static_cast<std::int16_t>(code.value())),
          whose_(code.category() == aperto_category()     ? whose::ours
                 : code.category() == tls::tls_category() ? whose::tls
                                                          : whose::system) {}

    explicit operator bool() const noexcept { return value_ != 0; }
    std::error_code code() const noexcept {
        switch (whose_) {
        case whose::ours:
            return {value_, aperto_category()};
        case whose::tls:
            return {value_, tls::tls_category()};
        case whose::system:
            break;
        }
        return {value_, std::system_category()};
    }
    void clear() noexcept { *this = {}; }

private:
    enum class whose : std::uint8_t { system, ours, tls };
    std::int16_t value_ = 0;
    whose whose_ = whose::system;
};

}  // namespace aperto
