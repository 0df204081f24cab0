// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/error.hpp"

#include <cstdint>

namespace aperto {

/// How something failed on a connection, an errno or an errc, in four bytes: there are many connections, and
/// nearly all of them idle.
class failure {
public:
    failure() noexcept = default;
    failure(errc ours) noexcept  // NOLINT(google-explicit-constructor): assigned as error codes are
        : value_(static_cast<std::int16_t>(ours)), is_ours_(true) {}
    failure(const std::error_code& code) noexcept  // NOLINT(google-explicit-constructor)
        : value_(static_cast<std::int16_t>(code.value())), is_ours_(code.category() == aperto_category()) {}

    explicit operator bool() const noexcept { return value_ != 0; }
    std::error_code code() const noexcept {
        return {value_, is_ours_ ? aperto_category() : std::system_category()};
    }
    void clear() noexcept { *this = {}; }

private:
    std::int16_t value_ = 0;
    bool is_ours_ = false;
};

}  // namespace aperto
