// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/tls_error.hpp"

#include <cstdint>

namespace aperto {

/// How something failed on a connection, an errno, an errc or TLS's, in four bytes: there are many
/// connections, and nearly all of them idle. A transport may fail by a category of its own: that is
/// `tls::errc::failed`.
class failure {
public:
    failure() noexcept = default;
    failure(errc ours) noexcept  // NOLINT(google-explicit-constructor): assigned as error codes are
        : value_(static_cast<std::int16_t>(ours)), whose_(whose::ours) {}
    failure(const std::error_code& code) noexcept  // NOLINT(google-explicit-constructor)
        : value_(static_cast<std::int16_t>(code.value())), whose_(whose_is(code)) {
        if (whose_ != whose::nobodys) return;
        value_ = static_cast<std::int16_t>(tls::errc::failed);
        whose_ = whose::tls;
    }

    explicit operator bool() const noexcept { return value_ != 0; }
    std::error_code code() const noexcept {
        switch (whose_) {
        case whose::ours:
            return {value_, aperto_category()};
        case whose::tls:
            return {value_, tls::tls_category()};
        case whose::system:
        case whose::nobodys:
            break;
        }
        return {value_, std::system_category()};
    }
    void clear() noexcept { *this = {}; }

private:
    enum class whose : std::uint8_t { system, ours, tls, nobodys };
    static whose whose_is(const std::error_code& code) noexcept {
        if (!code) return whose::system;
        if (code.value() != static_cast<std::int16_t>(code.value())) return whose::nobodys;
        if (code.category() == aperto_category()) return whose::ours;
        if (code.category() == tls::tls_category()) return whose::tls;
        const bool is_errno =
            code.category() == std::system_category() || code.category() == std::generic_category();
        return is_errno ? whose::system : whose::nobodys;
    }
    std::int16_t value_ = 0;
    whose whose_ = whose::system;
};

}  // namespace aperto
