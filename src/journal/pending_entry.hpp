// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/event.hpp"
#include "aperto/loop.hpp"
#include "aperto/loop_handle.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <system_error>

namespace aperto {

/// UTC, microseconds since 1970.
inline std::int64_t now_us() {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::microseconds>(since).count();
}

/// A message on its way into the journal. Owned together by who waits for it and by the journal's thread; the result is
/// written by that thread and read by the loop, after its post.
struct pending_entry {
    explicit pending_entry(loop& where) : home(where.handle()), home_id(&where) {}
    std::size_t size() const noexcept { return peer.size() + message.size() + (reply ? reply->size() : 0); }

    std::int64_t time_us = 0;  ///< as `now_us` gives it
    std::string peer;
    std::string message;
    std::optional<std::string> reply;

    loop_handle home;
    const loop* home_id;  ///< to group by; never looked into
    event done;           ///< the loop's thread alone
    std::error_code failed;
};

}  // namespace aperto
