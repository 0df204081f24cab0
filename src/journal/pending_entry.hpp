// SPDX-License-Identifier: MIT
#pragma once

#include "aperto/batcher.hpp"

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

/// A message on its way into the journal.
struct pending_entry final : detail::batch_entry {
    using batch_entry::batch_entry;
    std::size_t size() const noexcept { return peer.size() + message.size() + (reply ? reply->size() : 0); }

    std::int64_t time_us = 0;  ///< as `now_us` gives it
    std::string peer;
    std::string message;
    std::optional<std::string> reply;
    std::error_code refused;  ///< the thread's, until `done`
};

}  // namespace aperto
